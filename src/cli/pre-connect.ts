import { spawn } from 'node:child_process';
import { isAbsolute, join } from 'node:path';
import { hookCall } from '../../activities/hooks.ts';
import { whoAmI } from '../../activities/who.ts';
import type { Secrets } from '../kamal/index.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import type { FleetProbe } from './probe-fleet.ts';
import type { EitherProject } from './project.ts';

interface Wish {
  project: EitherProject;
  hosts: readonly string[];
  secrets: Secrets;
  skipHooks: boolean;
  /** Tells a person what is being done. */
  say: (line: string) => void;
}

/**
 * Looks at the hosts and, where nobody answers and there is a hook `pre-connect` (it may open a VPN), runs that once and
 * looks again. Kamal runs it before each command that connects; here a look that reaches its hosts runs no hook, and the
 * run itself calls it as its first step.
 *
 * @throws CommandError when the hook can't be run, or fails
 */
export async function byPreConnect<Probe extends Pick<FleetProbe, 'unreachable'>>(look: () => Promise<Probe>, wish: Wish): Promise<{ probe: Probe; hookRan: boolean }> {
  const probe = await look();
  const lost = probe.unreachable.filter(({ noWay }) => noWay).map(({ host }) => host);
  if (lost.length === 0 || wish.skipHooks || !hasHook(wish.project.snapshot)) return { probe, hookRan: false };
  wish.say(`No way to ${lost.join(', ')}: running the hook pre-connect, then looking again …`);
  await runPreConnect(wish);
  return { probe: await look(), hookRan: true };
}

/** What to say of the hook to somebody whose hosts aren't reached. */
export function afterPreConnect(snapshot: EitherProject['snapshot'], hookRan: boolean): string[] {
  if (hookRan) return ['The hook pre-connect was run before the last look.'];
  return hasHook(snapshot) ? ['The hook pre-connect was not run: if it opens the way to them, leave out --skip-hooks, or run it by hand.'] : [];
}

function hasHook({ hooks }: EitherProject['snapshot']): boolean {
  return hooks.present.includes('pre-connect');
}

async function runPreConnect({ project, hosts, secrets }: Wish): Promise<void> {
  const who = await whoAmI(project.dir, process.env);
  const { file, env } = hookCall({ ...project, who }, { hook: 'pre-connect', hosts: [...hosts], locked: false }, secrets);
  const command = isAbsolute(file) ? file : join(project.dir, file);
  const failed = (what: string) => new CommandError(EXIT.refused, `The hook pre-connect ${what}. Nothing was changed on any host.`, `mend ${file}, or leave it out with --skip-hooks`);
  await new Promise<void>((resolve, reject) => {
    // What it prints is for people: standard output may be JSON. What it leaves running (a tunnel) may keep these open.
    const child = spawn(command, { cwd: project.dir, env: { ...process.env, ...env }, stdio: ['inherit', process.stderr, process.stderr] });
    child.on('error', (error) => reject(failed(`can't be run (${error.message})`)));
    child.on('exit', (code, signal) => (code === 0 ? resolve() : reject(failed(`ended with ${code ?? signal}`))));
  });
}
