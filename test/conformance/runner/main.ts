/** Compares what bactrian computes from a corpus of configurations with what real Kamal computed: see ../README.md. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { convertCase } from './convert.ts';
import { describeDifference, runCase } from './run.ts';

const root = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '..'));
const only = process.argv[3];
let passed = 0;
let failed = 0;
for (const directory of await casesIn(root)) {
  const name = path.relative(root, directory);
  if (only !== undefined && !name.includes(only)) continue;
  const differences = await runCase(directory);
  if (differences.length === 0) passed++;
  else {
    failed++;
    console.log(`FAILED ${name}`);
    for (const difference of differences) console.log(describeDifference(difference));
  }
}
for (const directory of await pairsIn(root)) {
  const name = path.relative(root, directory);
  if (only !== undefined && !name.includes(only)) continue;
  const { differences, explained } = await convertCase(directory);
  if (differences.length === 0) passed++;
  else {
    failed++;
    console.log(`FAILED ${name}, converted`);
    for (const difference of differences) console.log(describeDifference(difference));
  }
  for (const { why, paths } of explained) console.log(`${name}, converted: ${paths.join(', ')} deliberately not as written by hand:\n  ${why}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

/** All directories below one that hold a case and its result, sorted. */
async function casesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && entry.name === 'expected.json').map((entry) => entry.parentPath).sort();
}

/** All directories below one with a Kamal 1 project and what was made of it by hand, sorted. */
async function pairsIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const v1 = entries.filter((entry) => entry.name === 'case.json' && path.basename(entry.parentPath) === 'v1').map((entry) => path.dirname(entry.parentPath));
  return v1.filter((pair) => entries.some((entry) => entry.name === 'expected.json' && entry.parentPath === path.join(pair, 'v2'))).sort();
}
