import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseDotenv } from '../../../src/kamal/secrets/dotenv.ts';
import { checkConfiguration } from '../../../src/kamal/validation/configuration.ts';
import { checkKamal1Configuration } from '../../../src/kamal/kamal1/validation.ts';
import { deepMerge, isHash, type Hash } from '../../../src/kamal/ruby/value.ts';
import { readYaml } from '../../../src/kamal/yaml/read.ts';
import { secretNames } from '../../../src/convert/secrets/names.ts';
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
