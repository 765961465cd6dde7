import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as kamal from '../../../src/kamal/index.ts';
import type { Json } from '../../../src/kamal/index.ts';
import { environment, readCase, withGit, type Case } from './case.ts';
import { compare, type Difference } from './compare.ts';
import { factsOf } from './facts.ts';
import { kamal1OutcomeOf } from './kamal1/run.ts';

interface Failure {
  readonly ok: false;
  readonly stage: string;
  readonly at?: string;
  readonly message: string;
  readonly message_is: 'exact' | 'runtime';
}

/** Facts of a case, or why there are none. */
export type Outcome = { readonly facts: Record<string, Json>; readonly warnings: readonly string[] } | { readonly problems: readonly { key: string; message: string }[] };

/** Runs one case; what differs from real Kamal's result. */
export async function runCase(directory: string): Promise<Difference[]> {
  const expected = JSON.parse(await readFile(path.join(directory, 'expected.json'), 'utf8')) as ({ readonly ok: true } | Failure) & { readonly kamal: string };
  const projectDir = path.join(directory, 'project');
  const of = await readCase(directory);
  const outcome = await withGit(of.git, (bin) => (expected.kamal.startsWith('1.') ? kamal1OutcomeOf : outcomeOf)(of, projectDir, environment(of, bin)));
  if (!expected.ok) return compareFailure(expected, outcome, projectDir);
  if ('problems' in outcome) return [{ path: 'ok', expected: true, actual: outcome.problems.map(({ message }) => message) }];
  const { builder: _builder, warnings = [], ...facts } = expected as unknown as Record<string, Json>;
  return [...compare(facts, mask(asked(facts, outcome.facts), projectDir)), ...missingWarnings(warnings, outcome.warnings)];
}

/** Loads the project as the command line would, and uses all of it. */
export async function outcomeOf(of: Case, projectDir: string, env: Record<string, string>): Promise<Outcome> {
  try {
    const snapshot = await kamal.loadProject({
      projectDir, env, configFile: of.config_file, destination: of.destination, version: of.version ?? undefined, hosts: of.hosts, roles: of.roles, primary: of.primary,
    });
    const secrets = await kamal.readSecrets(snapshot, { projectDir, env });
    const problems = await kamal.problemsInUse(snapshot, secrets, { projectDir, env });
    if (problems.length > 0) return { problems };
    const d = kamal.deploymentOf(snapshot);
    return { facts: await factsOf({ d, snapshot, secrets, projectDir, env, version: kamal.requireVersion(d) }), warnings: [...snapshot.warnings, ...kamal.keyDataWarnings(d.ssh, secrets)] };
  } catch (error) {
    if (error instanceof kamal.ConfigError) return { problems: error.problems };
    if (error instanceof kamal.SecretsError) return { problems: [{ key: error.key, message: error.message }] };
    throw error;
  }
}

/** A case that Kamal refuses is refused; where Kamal has a text of its own, that text is the first that we show. */
function compareFailure(expected: Failure, outcome: Outcome, projectDir: string): Difference[] {
  if (!('problems' in outcome)) return [{ path: expected.stage, expected: expected.message, actual: 'accepted' }];
  if (expected.message_is === 'runtime') return [];
  const first = mask(outcome.problems[0]?.message ?? '', projectDir);
  return first === expected.message ? [] : [{ path: expected.stage, expected: expected.message, actual: outcome.problems.map(({ message }) => message) }];
}

/** Kamal may say a thing several times; once is enough. */
function missingWarnings(expected: Json, actual: readonly string[]): Difference[] {
  const lines = (Array.isArray(expected) ? expected : []).map(String);
  return [...new Set(lines)].filter((line) => !actual.includes(line)).map((line) => ({ path: 'warnings', expected: line, actual: [...actual] }));
}

/** Of the files of a Kamal 1 accessory the corpus tells part; what a case doesn't tell of them isn't compared. */
function asked(expected: Record<string, Json>, facts: Record<string, Json>): Record<string, Json> {
  if (facts.kamal !== kamal.kamal1.KAMAL1_VERSION) return facts;
  const told = filesIn(expected).flatMap((file) => Object.keys(file));
  const accessories = (facts.accessories as Record<string, Json>[]).map((accessory) => ({
    ...accessory,
    files: (accessory.files as Record<string, Json>[]).map((file) => Object.fromEntries(Object.entries(file).filter(([key]) => told.includes(key)))),
  }));
  return { ...facts, accessories };
}

function filesIn({ accessories }: Record<string, Json>): Record<string, Json>[] {
  return (accessories as Record<string, Json>[]).flatMap(({ files }) => files as Record<string, Json>[]);
}

/** Puts the corpus' tokens in place of what differs from run to run. */
export function mask<T extends Json>(value: T, projectDir: string): T {
  const masked = JSON.stringify(value).replaceAll(JSON.stringify(projectDir).slice(1, -1), '{{PROJECT}}').replace(/_uncommitted_[0-9a-f]{16}/g, '_uncommitted_RANDOM8');
  return JSON.parse(masked) as T;
}

export function describeDifference({ path: at, expected, actual }: Difference): string {
  return `  ${at}\n    Kamal:    ${show(expected)}\n    bactrian: ${show(actual)}`;
}

function show(value: Json | undefined): string {
  return value === undefined ? '(missing)' : JSON.stringify(value);
}
