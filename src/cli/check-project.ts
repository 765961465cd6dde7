import { kamal1Signs } from '../convert/configuration.ts';
import { renamedHooks } from '../convert/hooks.ts';
import { convertProject, Unreadable, type Project } from '../convert/project.ts';
import { Report } from '../convert/report.ts';
import { ConfigError, problemsInUse, SecretsError, type Problem } from '../kamal/index.ts';
import { configurationRefusals } from '../plan/refusals.ts';
import { ItemsAt, type CheckItem } from '../plan/check/items.ts';
import { checkHosts } from './check-hosts.ts';
import { inConvertedCopy } from './convert-check.ts';
import { projectToConvert } from './convert-project.ts';
import type { JudgingOptions } from './judging-options.ts';
import { openProject, openSecrets, warningsOf, type LoadedProject, type ProjectOptions } from './project.ts';

export interface CheckOptions extends ProjectOptions, JudgingOptions {
  /** Only the project: no host is looked at. */
  offline?: boolean;
}

/** Keys of Kamal 1 that are named. */
const MOST_SIGNS = 4;

/** What came of the check of one destination. */
export interface CheckedDeployment {
  items: CheckItem[];
  /** The configuration can't even be read: there is nothing to look at. */
  unreadable: boolean;
  /** With `require_destination`, the plain file isn't a deployment. */
  needsDestination: boolean;
}

/**
 * Checks one destination: the project, and unless `offline` its hosts. A project that is still one of Kamal 1 is looked
 * at as `bactrian convert` would leave it; nothing is written into it.
 *
 * @param say tells a person what is being done
 * @throws CommandError when there is no such configuration, or the hook pre-connect fails
 */
export async function checkDeployment(options: CheckOptions, say: (line: string) => void): Promise<CheckedDeployment> {
  const at = new ItemsAt('project');
  const done = (more: CheckItem[] = []): CheckedDeployment => ({
    items: [...at.items, ...more],
    unreadable: at.items.some(({ id }) => id === 'config-unreadable'),
    needsDestination: at.items.some(({ what }) => what.includes('specify a destination')),
  });
  try {
    const { dir, project } = await projectToConvert(options);
    const signs = kamal1Signs(project.base, project.destinations);
    const kamal1 = signs.length > 0;
    const { files, renames, remainders } = await convertProject(project);
    if (kamal1) {
      const left = remainders.filter(({ weight, file }) => weight === 'lost' && !file.startsWith(`${project.hooksPath}/`));
      at.fail('kamal-1-project', `still a project of Kamal 1 (${shortened(signs)}); the rest is looked at as it would be converted`, `\`bactrian convert\` shows what it becomes, \`bactrian convert --write\` writes it${left.length > 0 ? '; what is left to you:' : ''}`);
      for (const { file, line, what, todo } of left) at.warn('convert', `${line === null ? file : `${file}:${line}`}: ${what}`, todo);
    }
    hooks(at, project, kamal1);
    if (!kamal1 && renames.length === 0) return done(await checkLoaded(at, options, say, (text) => text));
    const texts = new Map(kamal1 ? files.map(({ file, after }) => [file, after]) : []);
    return await inConvertedCopy(dir, texts, renames, async (copy) => done(await checkLoaded(at, { ...options, project: copy }, say, (text) => text.replaceAll(copy, dir), kamal1 ? ', as it would be converted' : '')));
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    at.fail('config-unreadable', `${error.place.file}:${error.place.line ?? 1}: ${error.message}`, 'the file has to be YAML even when its ERB is left out of account');
    return done();
  }
}

async function checkLoaded(at: ItemsAt, options: CheckOptions, say: (line: string) => void, inPlace: (text: string) => string, converted = ''): Promise<CheckItem[]> {
  let loaded: LoadedProject;
  try {
    loaded = await openProject(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // A file that Kamal can't read has no keys that anything could be said of.
    for (const problem of error.problems) addProblem(at, problem.key === '' && !problem.message.includes('destination') ? 'config-unreadable' : 'config', problem, inPlace);
    notLookedAt(at, options);
    return [];
  }
  const { snapshot, deployment } = loaded;
  at.ok('config', `${[snapshot.configFile, ...(snapshot.destination === null ? [] : [`destination ${snapshot.destination}`])].join(', ')}: valid for Kamal 2${converted} (${deployment.hosts.length} host${deployment.hosts.length === 1 ? '' : 's'})`);
  if (options.offline) for (const { about, reason, hint } of configurationRefusals(snapshot, deployment)) at.fail(about, reason, hint);
  try {
    const secrets = await openSecrets(loaded);
    const problems = await problemsInUse(snapshot, secrets, { projectDir: loaded.dir, env: process.env, version: 'any' });
    for (const problem of problems) addProblem(at, /[Ss]ecret/.test(problem.message) ? 'secrets' : 'files', problem, inPlace);
    const count = Object.keys(secrets.values()).length;
    if (problems.length === 0) at.ok('secrets', `secrets resolve (${count} value${count === 1 ? '' : 's'})`);
    for (const warning of warningsOf(loaded, secrets)) at.warn('config-warning', inPlace(warning), 'as Kamal does it: nothing, if it is meant');
    if (problems.length > 0) notLookedAt(at, options);
    return options.offline || problems.length > 0 ? [] : await checkHosts(loaded, secrets, options, say);
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    addProblem(at, 'secrets', { file: error.file, line: error.line, column: null, key: error.key, found: '', expected: '', message: error.message }, inPlace);
    notLookedAt(at, options);
    return [];
  }
}

/** Some are enough to tell. */
function shortened(signs: readonly string[]): string {
  return signs.length > MOST_SIGNS ? `${signs.slice(0, MOST_SIGNS).join(', ')} and ${signs.length - MOST_SIGNS} more` : signs.join(', ');
}

/** Without configuration and secrets nothing tells which hosts, and how to reach them. */
function notLookedAt(at: ItemsAt, { offline }: CheckOptions): void {
  if (!offline) at.warn('hosts', 'no host was looked at', 'put the project right first, then check again');
}

function addProblem(at: ItemsAt, id: string, { file, line, message, found, expected, hint }: Problem, inPlace: (text: string) => string): void {
  const fix = [...(expected ? [`expected ${expected}${found ? `, found ${found}` : ''}`] : []), ...(hint ? [hint] : [])].join('; ');
  at.fail(id, inPlace(`${line === null ? file : `${file}:${line}`}: ${message}`).replaceAll('\n', ' '), inPlace(fix || 'see the message').replaceAll('\n', ' '));
}

/** Kamal 2 refuses to begin where a hook still has its old name. */
function hooks(at: ItemsAt, { hooks: all, hooksPath }: Project, kamal1: boolean): void {
  const present = all.filter(({ name }) => !name.endsWith('.sample'));
  const report = new Report((text) => text);
  const renames = renamedHooks(hooksPath, present, report);
  for (const { from, to } of renames) {
    const fix = `rename it to ${to}; \`bactrian convert\` does`;
    if (kamal1) at.warn('hooks', `${from} has another name in Kamal 2`, fix);
    else at.fail('hooks', `${from}: Kamal 2 refuses to begin with a hook of that name`, fix);
  }
  for (const { file, line, what, todo } of report.remainders.filter(({ weight }) => weight === 'lost')) at.warn('hooks', `${line === null ? file : `${file}:${line}`}: ${what}`, todo);
  const broken = present.filter(({ executable }) => !executable);
  for (const { name } of broken) at.fail('hooks', `${hooksPath}/${name} can't be executed`, `chmod +x ${hooksPath}/${name}`);
  const fine = present.filter(({ executable, name }) => executable && !renames.some(({ from }) => from.endsWith(`/${name}`)));
  if (fine.length > 0) at.ok('hooks', `hooks that can be executed: ${fine.map(({ name }) => name).join(', ')}`);
}
