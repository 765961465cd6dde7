import type { Report } from './report.ts';

/** A hook of the project. */
export interface Hook {
  readonly name: string;
  readonly text: string;
  readonly executable: boolean;
}

export interface Rename {
  readonly from: string;
  readonly to: string;
}

const RENAMED: Record<string, string> = {
  'pre-traefik-reboot': 'pre-proxy-reboot',
  'post-traefik-reboot': 'post-proxy-reboot',
  'pre-traefik-reboot.sample': 'pre-proxy-reboot.sample',
  'post-traefik-reboot.sample': 'post-proxy-reboot.sample',
};

/** Commands of Kamal 1 that Kamal 2 doesn't have. */
const GONE: readonly [pattern: RegExp, todo: string][] = [
  [/\bkamal\s+traefik\b/, 'kamal proxy'],
  [/\bkamal\s+envify\b/, 'nothing: secrets are read when they are needed'],
  [/\bkamal\s+env\s+(?:push|delete)\b/, 'nothing: a deploy brings the variables along'],
  [/\bkamal\s+healthcheck\b/, 'nothing: kamal-proxy asks the app during a deploy'],
];

/** Hooks that have another name in Kamal 2 (`pre-` and `post-traefik-reboot`), and what in hooks is to be looked at. */
export function renamedHooks(folder: string, hooks: readonly Hook[], report: Report): Rename[] {
  const renames: Rename[] = [];
  for (const hook of hooks) {
    const from = `${folder}/${hook.name}`;
    const name = RENAMED[hook.name];
    if (name !== undefined && hooks.some((other) => other.name === name)) {
      report.lost({ file: from, line: null }, `${name} exists already`, `put what ${hook.name} does into it`);
    } else if (name !== undefined) {
      renames.push({ from, to: `${folder}/${name}` });
      report.change({ file: from, line: null }, `${hook.name} is ${name}`, 'Kamal 2 looks for it by that name', 'hooks');
    }
    if (hook.name.endsWith('.sample')) continue;
    for (const [index, line] of hook.text.split('\n').entries()) {
      for (const [pattern, todo] of GONE) {
        const found = pattern.exec(line);
        if (found && !line.trimStart().startsWith('#')) report.lost({ file: from, line: index + 1 }, `\`${found[0]}\`, which Kamal 2 doesn't have`, `instead: ${todo}`);
      }
    }
    if (name !== undefined && !hook.executable) report.note({ file: from, line: null }, 'the hook can\'t be executed', `chmod +x ${folder}/${name}`);
  }
  return renames;
}
