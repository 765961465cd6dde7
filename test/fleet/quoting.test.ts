import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { realKamal } from '../../lab/kamal.ts';
import { must } from '../../lab/run.ts';
import { Shop } from './shop.ts';
import { lab } from './the-lab.ts';

/** What Kamal hands over as it is written: nothing that Ruby's `dump` escapes, nothing that it leaves to the host's shell. */
const tame = fc
  .string({ unit: fc.constantFrom(...`'"\`$()[]<>|&;*?~!=-+%^@#{}/:, az09`.split(''), '--', '$(', '$x', 'é', 'ß', '日', '😀', '\u00a0'), minLength: 1, maxLength: 30 })
  .filter((value) => !/#[{$@]|\$\{/.test(value) && value.trim() !== '');
/** What shells, Ruby, YAML, dotenv and Docker each take for something else. */
const wild = fc.string({
  unit: fc.constantFrom(...`'"\`$\\{}()[]<>|&;*?~!#=-+%^@ \t\n\r\u0007\u001b\u007f`.split(''), 'a', 'n', 'é', '日', '😀', '\u0085', '\u2028', '#{', '#$', '${HOME}', '\\n', '--'),
  minLength: 1,
  maxLength: 25,
});

const values = {
  tame: [...fc.sample(tame, { numRuns: 85, seed: 401 }), '-n', '--', '-e X=1', "it's", '"', '$HOME', '$(id)', '`id`', 'true', 'null', '0x1f', '1e3', '01', 'a: b', '# no comment', 'no\u00a0break'],
  wild: [
    ...fc.sample(wild, { numRuns: 85, seed: 402 }),
    // What depends on which shell of the host reads it, and on what that shell knows.
    '${HOME}', '${HOSTNAME}', '${USER}', '${NAME}', '${D} ${B}', '${RUN}', '${1}', '${#}', '${NOT_SET:-fallback}', '{a,b}', '~', '*',
    '', ' ', 'end\\', 'end\n', '\nbegin', 'ends with é', 'é', '#{1+1}', '#$0', '#@x', '\\', '\\\\', '\\"', '\\${HOME}', '"; touch /root/escaped; "', '`touch /root/escaped`',
  ],
};

interface Value {
  variable: string;
  value: string;
  tame: boolean;
}

const clear: Value[] = Object.entries(values).flatMap(([kind, list]) => list.map((value, at) => ({ variable: `CLEAR_${kind.toUpperCase()}_${at}`, value, tame: kind === 'tame' })));
// A secrets file has no way to hold a carriage return, and runs what looks like a command.
const secret: Value[] = clear
  .filter(({ value }) => !/[\r\0]|\$\(/.test(value))
  .map((each) => ({ ...each, variable: each.variable.replace('CLEAR', 'SECRET') }));
const labels = Object.fromEntries([...values.tame, ...values.wild].filter((_, at) => at % 6 === 0).map((value, at) => [`label${at}`, value]));
const cmd = `worker 'single $HOME "x"' "double \${HOME} \${HOSTNAME}" \\$HOME back\\ slash {a,b} *.nothing '#' é`;

/** Writes a YAML file anew with every unusual character escaped: Ruby's parser takes some of them for ends of lines. */
async function escape(file: string): Promise<void> {
  const json = JSON.stringify(parse(await readFile(file, 'utf8'), { version: '1.1' }), null, 1);
  await writeFile(file, json.replace(/[\u007f-\u009f\u2028]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

const env = { clear: Object.fromEntries(clear.map(({ variable, value }) => [variable, value])), secret: ['APP_SECRET', ...secret.map(({ variable }) => variable)] };

/** A container as the app sees it. */
interface Seen {
  env: string[];
  labels: Record<string, string>;
  cmd: string[] | null;
}

describe('values of every kind', () => {
  let shop: Shop;
  let ours: Record<string, Seen>;
  const containers = [['h1', 'labapp-web-v1'], ['h3', 'labapp-workers-v1'], ['h3', 'labapp-redis']] as const;

  beforeAll(async () => {
    await lab.restore();
    // Quotes of its own kind end a value in the file: such values come from the shell that runs the command.
    const quotable = ({ value }: Value) => !/['\\]/.test(value);
    const shell = Object.fromEntries(secret.filter((each) => !quotable(each)).map(({ variable, value }) => [`SHELL_${variable}`, value]));
    shop = await Shop.open('quoting', {}, { ...shell, LANG: 'C.UTF-8' });
    await shop.configure({
      changes: {
        env,
        labels,
        servers: { web: { hosts: [lab.host('h1').address] }, workers: { cmd } },
        accessories: { redis: { env: { clear: env.clear, secret: ['REDIS_PASSWORD', ...secret.map(({ variable }) => variable)] }, labels } },
      },
    });
    await escape(join(shop.dir, 'config/deploy.yml'));
    const lines = secret.map((each) => `${each.variable}=${quotable(each) ? `'${each.value}'` : `$SHELL_${each.variable}`}\n`);
    await writeFile(join(shop.dir, '.kamal/secrets'), ['KAMAL_REGISTRY_PASSWORD=pw7k3q\nREDIS_PASSWORD=r\nAPP_SECRET=a\n', ...lines].join(''));

    // Some of them are blank, which Kamal leaves out.
    const upgraded = await shop.upgrade('--accept-lost-env');
    expect(upgraded.code, upgraded.stderr).toBe(0);
    ours = await seen();
  });
  afterAll(() => shop.close());

  it('arrive unharmed where Kamal does not change them', () => {
    const harmless = [...clear, ...secret].filter((each) => each.tame);
    expect(harmless.length).toBeGreaterThan(100);
    for (const [container, { env: arrived }] of Object.entries(ours)) {
      const got = new Map(arrived.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
      expect(Object.fromEntries(harmless.map(({ variable }) => [variable, got.get(variable)])), container).toEqual(Object.fromEntries(harmless.map(({ variable, value }) => [variable, value])));
    }
  });

  it('break out of nothing', async () => {
    expect(await lab.exec('h1', 'ls escaped')).not.toMatchObject({ code: 0 });
    expect(await lab.exec('h3', 'ls escaped')).not.toMatchObject({ code: 0 });
  });

  it('are what the app sees after real Kamal deploys the same project, byte for byte', async () => {
    const kamal = (...args: string[]) => must(realKamal(), args, { cwd: shop.dir, env: { ...shop.env, VERSION: 'v1' }, timeoutMs: 300_000 });
    await kamal('deploy', '-P', '--version', 'v1');
    await kamal('accessory', 'reboot', 'redis');
    expect(await seen()).toEqual(ours);
  });

  async function seen(): Promise<Record<string, Seen>> {
    const found = await Promise.all(
      containers.map(async ([host, name]) => {
        const { stdout } = await lab.exec(host, `docker inspect --format '{{json .Config}}' ${name}`);
        const config = JSON.parse(stdout) as { Env: string[]; Labels: Record<string, string>; Cmd: string[] | null };
        return [name, { env: config.Env.toSorted(), labels: config.Labels, cmd: config.Cmd }] as const;
      }),
    );
    return Object.fromEntries(found);
  }
});
