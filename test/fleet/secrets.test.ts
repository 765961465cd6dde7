import { readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { run } from '../../lab/run.ts';
import { formsOf, secretsIn } from './leaks.ts';
import { Shop } from './shop.ts';
import { lab } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

/** Characters that shells, YAML, JSON and Docker each take for something else. */
const NASTY = 'Zq7"$HOME`id`\\n%s&é-9xK';
const forms = formsOf([NASTY]);
/** What may hold them: the hosts' env files and Docker's own records, and the project's secrets file. */
const secretsFile = `KAMAL_REGISTRY_PASSWORD=pw7k3q\nREDIS_PASSWORD=redis-secret-1\nAPP_SECRET='${NASTY}'\n`;

describe('secrets', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('secrets');
    await writeFile(join(shop.dir, '.kamal/secrets'), secretsFile);
  });
  afterAll(() => shop.close());

  it('reach the containers whole, and show up in no argument list, command, file of ours or log on the way', async () => {
    await lab.restore();
    const seen = new Set<string>();
    let sampling = true;
    const sampler = (async () => {
      while (sampling) {
        for (const pid of pidsOfAll()) for (const form of forms) if (argumentsOf(pid).includes(form)) seen.add(argumentsOf(pid).replaceAll(form, '<secret>'));
        await sleep(20);
      }
    })();
    const ended = await shop.upgrade();
    sampling = false;
    await sampler;
    expect(ended.code, ended.stderr).toBe(0);
    expect([...seen]).toEqual([]);
    for (const form of forms) {
      expect(ended.stderr + ended.stdout).not.toContain(form);
      for (const host of lab.hosts) {
        for (const { command } of await lab.commands(host.name)) expect(command).not.toContain(form);
        const held = await lab.exec(host.name, 'grep -rlF -f - . || true', { input: `${form}\n` });
        expect(held.stdout.split('\n').filter((path) => path !== '' && !path.endsWith('.env'))).toEqual([]);
      }
    }
    expect(await secretsIn(shop.stateDir, forms)).toEqual([]);

    // As Kamal 2 writes it, and as the app then reads it.
    const file = await lab.exec('h1', 'cat .kamal/apps/labapp/env/roles/web.env');
    const inside = await lab.exec('h1', 'docker exec labapp-web-v1 env');
    expect(inside.stdout.split('\n')).toContain(file.stdout.trimEnd());
    expect((await presentState(['h1']))['h1']?.containers).toEqual((await upgradedState(['h1']))['h1']?.containers);
  });

  it('are masked where an app prints them as its last words', async () => {
    await lab.restore();
    const word = 'Wm4-printed-by-the-app-2vT';
    await shop.configure({ changes: { servers: { workers: { cmd: word } } } });
    await writeFile(join(shop.dir, '.kamal/secrets'), secretsFile.replace(/APP_SECRET=.*/, `APP_SECRET=${word}`));
    const ended = await shop.upgrade('-h', lab.host('h3').address);
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('labapp: unknown argument "[REDACTED]"');
    for (const form of formsOf([word])) expect(ended.stdout).not.toContain(form);
    // It stands in the configuration, of which a copy is kept, readable by its owner only.
    const held = await secretsIn(shop.stateDir, formsOf([word]));
    expect(held.filter((path) => !path.includes('/snapshots/'))).toEqual([]);
    const { stdout } = await run('find', [join(shop.stateDir, 'projects'), join(shop.stateDir, 'server'), '-type', 'd', '-perm', '/077']);
    expect(stdout).toBe('');
  });
});

function pidsOfAll(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
