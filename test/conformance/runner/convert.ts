import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { convertProject } from '../../../src/convert/project.ts';
import type { Remainder } from '../../../src/convert/report.ts';
import { projectToConvert } from '../../../src/cli/convert-project.ts';
import type { Json } from '../../../src/kamal/index.ts';
import { environment, readCase, withGit } from './case.ts';
import { compare, type Difference } from './compare.ts';
import { mask, outcomeOf } from './run.ts';

export interface Converted {
  /** What the conversion makes otherwise than a person did, and doesn't say why. */
  readonly differences: readonly Difference[];
  readonly explained: readonly { why: string; paths: readonly string[] }[];
}

/** What says how a configuration is written, not what it comes to: `host` beside `hosts` with one name gives the same commands. */
const AS_WRITTEN = /^(config|config_yaml)(\/|$)|\/(merged|run_config)(\/|$)/;

/**
 * Converts the Kamal 1 project of a pair, loads what comes of it as Kamal 2, and compares all commands with those of the
 * project that was converted by hand. A difference counts as explained only if the conversion's own report names it.
 */
export async function convertCase(directory: string): Promise<Converted> {
  const expected = JSON.parse(await readFile(path.join(directory, 'v2', 'expected.json'), 'utf8')) as Record<string, Json>;
  const of = await readCase(path.join(directory, 'v2'));
  const copy = await mkdtemp(path.join(tmpdir(), 'conformance-convert-'));
  try {
    await cp(path.join(directory, 'v1', 'project'), copy, { recursive: true });
    const remainders = await convertIn(copy, of.config_file);
    const outcome = await withGit(of.git, (bin) => outcomeOf(of, copy, environment(of, bin)));
    if ('problems' in outcome) return { differences: [{ path: 'ok', expected: true, actual: outcome.problems.map(({ message }) => message) }], explained: [] };
    const { builder: _builder, warnings: _warnings, kamal: _kamal, ...facts } = expected;
    const { kamal: _ours, ...own } = outcome.facts;
    return sorted(compare(facts, mask(own, copy)).filter((difference) => !AS_WRITTEN.test(difference.path)), remainders);
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function convertIn(dir: string, configFile: string | undefined): Promise<readonly Remainder[]> {
  const { project } = await projectToConvert({ project: dir, configFile });
  const { files, renames, remainders } = await convertProject(project);
  for (const { file, after } of files) {
    await mkdir(path.dirname(path.join(dir, file)), { recursive: true });
    await writeFile(path.join(dir, file), after);
  }
  for (const { from, to } of renames) await rename(path.join(dir, from), path.join(dir, to));
  return remainders;
}

function sorted(differences: readonly Difference[], remainders: readonly Remainder[]): Converted {
  const why = (difference: Difference) => remainders.find(({ differs }) => differs?.some((word) => JSON.stringify(difference).includes(word)));
  const explained = new Map<Remainder, string[]>();
  for (const difference of differences) {
    const remainder = why(difference);
    if (remainder) explained.set(remainder, [...(explained.get(remainder) ?? []), difference.path]);
  }
  return {
    differences: differences.filter((difference) => !why(difference)),
    explained: [...explained].map(([{ file, line, what, todo }, paths]) => ({ why: `${file}:${line ?? ''}: ${what}; ${todo}`, paths })),
  };
}
