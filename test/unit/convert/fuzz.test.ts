import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseDotenv } from '../../../src/kamal/secrets/dotenv.ts';
import { checkConfiguration } from '../../../src/kamal/validation/configuration.ts';
import { checkKamal1Configuration } from '../../../src/kamal/kamal1/validation.ts';
import { deepMerge, isHash, toS, type Hash, type Value } from '../../../src/kamal/ruby/value.ts';
import { readYaml } from '../../../src/kamal/yaml/read.ts';
import { secretNames } from '../../../src/convert/secrets/names.ts';
import { rolesOf } from '../../../src/convert/view.ts';
import { configuration, destination, style, written } from './arbitrary.ts';
import { after, convertFiles } from './project.ts';

const FACTS = { destination: null, version: { value: 'v1', source: 'option' as const, problem: null }, selection: { hosts: null, roles: null }, hooks: { path: '.kamal/hooks', present: [] } };
const ENV: Record<string, string> = { APP_PORT: '4100', DOMAIN: 'erb.test', MAIL: 'ops@a.test', KAMAL_DESTINATION: 'live' };
const RUNS = Number(process.env['BACTRIAN_FUZZ_RUNS'] ?? 15);

/** A text's ERB, which here only looks into the environment, as Ruby would fill it in. */
function rendered(text: string): Hash {
  const yaml = text.replaceAll(/<%= ENV\["(\w+)"\] %>/g, (_, name: string) => ENV[name] ?? '').replaceAll(/<%[^=].*?%>\n/g, '');
  const { value } = readYaml(yaml);
  return isHash(value) ? value : new Map();
}

/** What no conversion may touch: everything but the keys that it is about. */
function untouched(raw: Hash): unknown {
  const about = new Set(['traefik', 'healthcheck', 'stop_wait_time', 'drain_timeout', 'deploy_timeout', 'run_directory', 'proxy', 'builder', 'network', 'health-cmd', 'health-interval']);
  const plain = (value: Value): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (!isHash(value)) return value;
    const kept = [...value].filter(([key]) => !about.has(toS(key)) && !toS(key).startsWith('traefik.')).map(([key, item]): [string, unknown] => [toS(key), plain(item)]);
    return Object.fromEntries(kept.filter(([, item]) => !(typeof item === 'object' && item !== null && Object.keys(item).length === 0)).toSorted(([a], [b]) => a.localeCompare(b)));
  };
  const servers = raw.get('servers');
  const roles = isHash(servers) ? new Map([...servers].map(([name, role]) => [name, Array.isArray(role) ? new Map([['hosts', role]]) : role])) : servers;
  return plain(new Map<string, Value>([...raw].map(([key, value]): [string, Value] => [toS(key), value])).set('servers', roles ?? null));
}

const proxied = (raw: Hash) => rolesOf(raw).filter(({ traefik }) => traefik).map(({ name }) => name);

const comments = (text: string) => text.match(/# comment \d+\./g) ?? [];

it('a configuration that Kamal 1 takes becomes one that Kamal 2 takes; comments stay, and the second time nothing changes', async () => {
  await fc.assert(
    fc.asyncProperty(configuration, destination, style, fc.boolean(), async (config, live, how, several) => {
      const files: Record<string, string> = {
        'config/deploy.yml': written(config, { ...how, choices: how.choices[Symbol.iterator]() }),
        ...(several ? { 'config/deploy.live.yml': written(live, { ...how, choices: how.choices[Symbol.iterator]() }) } : {}),
        '.env': 'PW=x\nKEY=k\nDOMAIN=erb.test\n',
      };
      const merged = (texts: Record<string, string>) => (several ? deepMerge(rendered(texts['config/deploy.yml'] ?? ''), rendered(texts['config/deploy.live.yml'] ?? '')) : rendered(texts['config/deploy.yml'] ?? ''));
      const before = merged(files);
      fc.pre(checkKamal1Configuration(before, FACTS).length === 0);

      const conversion = await convertFiles(files);
      const converted = after(files, conversion);
      const raw = merged(converted);
      const left = conversion.remainders.filter(({ weight }) => weight === 'lost');
      // What a destination can't take away from the base is refused with a list; all else loads, whatever is left to do.
      if (!left.some(({ what }) => what.includes("isn't meant for"))) expect(checkConfiguration(raw, FACTS)).toEqual([]);
      for (const { what, todo } of left) expect(`${what}${todo}`.length).toBeGreaterThan(10);
      for (const file of ['config/deploy.yml', 'config/deploy.live.yml']) expect(comments(converted[file] ?? '').toSorted()).toEqual(comments(files[file] ?? '').toSorted());
      expect(untouched(raw)).toEqual(untouched(before));
      expect(proxied(raw)).toEqual(proxied(before));
      expect(JSON.stringify(conversion.remainders) + JSON.stringify(conversion.changes)).not.toMatch(/[\ue000-\uf8ff]/);

      const secrets = new Set<string>();
      for (const [file, text] of Object.entries(converted)) if (file.startsWith('.kamal/secrets')) for (const key of (await parseDotenv(text, { env: {}, run: async () => '' })).keys()) secrets.add(key);
      for (const name of secretNames(raw)) expect(secrets).toContain(name);

      const again = await convertFiles(converted);
      expect(again.files).toEqual([]);
      expect(again.renames).toEqual([]);
    }),
    { numRuns: RUNS },
  );
}, 600_000);
