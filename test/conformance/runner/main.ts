/** Compares what bactrian computes from a corpus of configurations with what real Kamal computed: see ../README.md. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describeDifference, runCase } from './run.ts';

const root = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '..'));
const only = process.argv[3];
let passed = 0;
let failed = 0;
let later = 0;
for (const directory of await casesIn(root)) {
  const name = path.relative(root, directory);
  if (only !== undefined && !name.includes(only)) continue;
  if (!(await versionOf(directory)).startsWith('2.')) {
    later++;
    continue;
  }
  const differences = await runCase(directory);
  if (differences.length === 0) passed++;
  else {
    failed++;
    console.log(`FAILED ${name}`);
    for (const difference of differences) console.log(describeDifference(difference));
  }
}
if (later > 0) console.log(`${later} cases of Kamal 1 are not yet covered`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

/** All directories below one that hold a case and its result, sorted. */
async function casesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && entry.name === 'expected.json').map((entry) => entry.parentPath).sort();
}

/** The Kamal that computed the result. */
async function versionOf(directory: string): Promise<string> {
  return (JSON.parse(await readFile(path.join(directory, 'expected.json'), 'utf8')) as { kamal: string }).kamal;
}
