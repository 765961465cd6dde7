import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recordKey } from '../../../activities/record-key.ts';
import { printRecord, recordUsed, sayWithoutRecord, writeRecord } from '../../../activities/script/record.ts';
import { cleanupScript } from '../../../activities/script/cleanup.ts';
import { afterPrune } from '../../../activities/script/prune.ts';
import { sectionsOf } from '../../../src/plan/read-facts.ts';
import { LocalHost } from './local-host.ts';

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
});
afterEach(() => {
  host.remove();
});

const FILES = [{ file: 'traefik.json', content: '{"it\'s": "$HOME"}\n' }, { file: 'role-web.json', content: 'x'.repeat(100_000) }];
const there = async () => (await host.sh('cd .kamal/bactrian && ls kamal1-* 2> /dev/null')).output.split('\n').filter(Boolean);
const print = async () => {
  const { output } = await host.sh('sh -s', printRecord('shop', '.kamal/env/traefik/traefik.env'));
  return sectionsOf(output);
};

it('is written whole, for its owner alone, and read again as it was', async () => {
  const ran = await host.step(writeRecord('shop', FILES));
  expect(ran.code, ran.output).toBe(0);
  expect(await there()).toEqual(['kamal1-shop.role-web.json', 'kamal1-shop.traefik.json']);
  for (const { file, content } of FILES) {
    expect(host.mode('.kamal/bactrian', `kamal1-shop.${file}`)).toBe('600');
    expect(host.read('.kamal/bactrian', `kamal1-shop.${file}`)).toBe(content);
  }
  const lines = (await print()).get('record')?.trim().split('\n').map((line) => line.split('\t')) ?? [];
  expect(lines.map(([path, encoded = '']) => [path, Buffer.from(encoded, 'base64').toString()])).toEqual([
    ['.kamal/bactrian/kamal1-shop.role-web.json', FILES[1]?.content],
    ['.kamal/bactrian/kamal1-shop.traefik.json', FILES[0]?.content],
  ]);
});

it('fails the step before it changes anything when it can not be written', async () => {
  mkdirSync(host.path('.kamal/bactrian/kamal1-shop.traefik.json.new'), { recursive: true });
  const ran = await host.step(`${writeRecord('shop', FILES)}\ntouch changed`);
  expect(ran.fail).toMatchObject({ type: 'StepFailed', text: expect.stringContaining('Nothing was changed') as string });
  expect(host.has('changed')).toBe(false);
});

it('is missed where there is none', async () => {
  expect((await host.step(sayWithoutRecord('shop'))).notes).toEqual([expect.stringContaining('a downgrade needs its configuration')]);
  expect((await host.step(`${writeRecord('shop', FILES)}\n${sayWithoutRecord('shop')}`, { seq: 2 })).notes).toEqual([]);
});

it('is not that of another destination, and another one can not be read in its place', async () => {
  await host.step(writeRecord('shop-staging', FILES));
  expect((await print()).get('record')?.trim()).toBe('');
});

it('outlives the folders of runs, and cleanup until a way back has used it; a newer one is kept again', async () => {
  await host.step(writeRecord('shop', FILES));
  const cleanup = async () => await host.sh('sh -s', cleanupScript({ fence: "'fence-shop'", deployment: 'shop', open: [], dryRun: false }));
  for (let run = 0; run < 8; run += 1) expect((await host.step(afterPrune(), { run: `run-${run}`, runStartedAt: 2000 + run })).code).toBe(0);
  await cleanup();
  expect(await there()).toHaveLength(2);
  await host.step(recordUsed('shop'), { runStartedAt: 3000 });
  expect(await there()).toContain('kamal1-shop.used');
  await host.step(writeRecord('shop', FILES), { runStartedAt: 3001 });
  await cleanup();
  expect(await there()).toHaveLength(2);
  await host.step(recordUsed('shop'), { runStartedAt: 3002 });
  const { code, output } = await cleanup();
  expect(code, output).toBe(0);
  expect(output).toContain('removed the record of how Kamal 1 ran');
  expect(await there()).toEqual([]);
  await host.step(recordUsed('shop'), { runStartedAt: 3003 });
  expect(await there()).toEqual([]);
});

it("tells the names in Traefik's env file, and that there is none", async () => {
  expect((await print()).get('traefik-env')?.trim()).toBe('');
  mkdirSync(host.path('.kamal/env/traefik'), { recursive: true });
  writeFileSync(host.path('.kamal/env/traefik/traefik.env'), 'CF_TOKEN=secret=1\n\n# X=1\n');
  expect((await print()).get('traefik-env')?.trim().split('\n')).toEqual(['.', 'CF_TOKEN']);
});

it('has a key that stays on this machine, the same one for everybody who asks', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bactrian-key-'));
  const [one, two] = await Promise.all([recordKey(directory), recordKey(directory)]);
  expect(two.id).toBe(one.id);
  expect(one.hash('A', 'x')).toBe(two.hash('A', 'x'));
  expect(new Set([one.hash('A', 'x'), one.hash('B', 'x'), one.hash('A', 'y')]).size).toBe(3);
  expect(statSync(join(directory, 'record.key')).mode & 0o777).toBe(0o600);
  expect(one.hash('A', 'x')).toMatch(/^[0-9a-f]{32}$/);
  expect(readFileSync(join(directory, 'record.key'), 'utf8')).not.toContain(one.id);
  const other = mkdtempSync(join(tmpdir(), 'bactrian-key-'));
  expect((await recordKey(other)).hash('A', 'x')).not.toBe(one.hash('A', 'x'));
  writeFileSync(join(other, 'record.key'), 'what?\n');
  await expect(recordKey(other)).rejects.toThrow(/record\.key holds no key/);
});
