/** Compares what bactrian computes from a corpus of configurations with what real Kamal computed: see ../README.md. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
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
const later = await count(path.join(root, 'cases', 'v1'));
if (later > 0) console.log(`${later} cases of Kamal 1 are not yet covered`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

/** Directories with cases of Kamal 2: cases/v2/* and convert/*\/v2, or the cases themselves. */
async function casesIn(directory: string): Promise<string[]> {
  const own = await names(path.join(directory, 'cases', 'v2'));
  const converted = await names(path.join(directory, 'convert'));
  return [...own.map((name) => path.join(directory, 'cases', 'v2', name)), ...converted.map((name) => path.join(directory, 'convert', name, 'v2'))];
}

async function names(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch {
    return [];
  }
}

async function count(directory: string): Promise<number> {
  return (await names(directory)).length;
}
