import { describe, expect, it } from 'vitest';
import { withoutValues } from '../../../src/convert/secrets/env-file.ts';
import { parseDotenv2 } from '../../../src/kamal/kamal1/dotenv.ts';
import { parseDotenv } from '../../../src/kamal/secrets/dotenv.ts';
import { after, convertFiles, deploy } from './project.ts';

const BASE = deploy('env: { secret: [ A, B ] }\n');

async function secretsOf(files: Record<string, string>, file = '.kamal/secrets'): Promise<{ text: string; lost: string[]; notes: string[] }> {
  const conversion = await convertFiles({ 'config/deploy.yml': BASE, ...files });
  const of = (weight: 'lost' | 'note') => conversion.remainders.filter((each) => each.weight === weight).map((each) => `${each.file}:${each.line ?? ''}: ${each.what}`);
  return { text: after({}, conversion)[file] ?? '', lost: of('lost'), notes: of('note') };
}

/** As the Kamal that a file is for reads it. */
async function valuesOf(text: string, kamal: 1 | 2): Promise<Record<string, string>> {
  return Object.fromEntries(await (kamal === 1 ? parseDotenv2 : parseDotenv)(text, { env: { X: 'from-env' }, run: async (command) => `<${command}>` }));
}

describe('.env', () => {
  it.each([
    'PW=x\nA=a\nB=b\n',
    '# the registry\nPW=x # of the bot\n\nA="a b" # quoted\nexport B=\'c$d\'\n',
    'PW="line1\nline2"\nA="one\\ntwo\\n"\nB=a\\ b\n',
    'PW=$X\nA=${PW}-$X\nB="$(op read "x y")"\n',
    'A="say \\"hi\\"\\nand \\$5"\nB=\'it is\'\nPW=\n',
    "A=\"it's\\n\"\nB=\nPW=a=b\n",
    'PW=p#q\r\nA=a\r\nB=b\r\n',
  ])('gives the same values in Kamal 2 as in Kamal 1: %j', async (env) => {
    const { text, lost } = await secretsOf({ '.env': env });
    expect(lost).toEqual([]);
    expect(await valuesOf(text, 2)).toEqual(await valuesOf(env, 1));
    for (const comment of env.replaceAll('\r', '').match(/(?<=^|\n| )# .*/g) ?? []) expect(text).toContain(comment);
  });

  it('says where a # cuts a value', async () => {
    expect((await secretsOf({ '.env': 'PW=p#q\nA=a # fine\nB="b#c"\n' })).notes).toContainEqual('.env:1: PW: a # ends the value, since it isn\'t quoted');
    expect((await secretsOf({ '.env': 'PW=p\nA=a # fine\nB="b#c"\n' })).notes.join()).not.toContain('#');
  });

  it('takes what no file has from the environment, as Kamal 1 did', async () => {
    expect((await secretsOf({ '.env': 'A=a\n' })).text).toBe('A=a\nB=$B\nPW=$PW\n');
    expect((await secretsOf({})).text).toBe('A=$A\nB=$B\nPW=$PW\n');
  });

  it('goes to secrets-common beside destinations, each of which gets what it borrows', async () => {
    const files = { 'config/deploy.yml': BASE, 'config/deploy.live.yml': 'labels: { x: y }\n', '.env': 'PW=x\nHOST=h\nA=a-$HOST\n', '.env.live': 'B=$A/$HOST\n' };
    const converted = after({}, await convertFiles(files));
    expect(converted['.kamal/secrets-common']).toBe('PW=x\nHOST=h\nA=a-$HOST\n');
    expect(converted['.kamal/secrets.live']).toBe('HOST=h\nA=a-$HOST\nB=$A/$HOST\n');
  });

  it('leaves to ERB what only ERB reads, and loads it there', async () => {
    const files = { 'config/deploy.yml': deploy('', 'servers: [ <%= ENV["WEB"] %> ]'), '.env': 'PW=x\nWEB=10.1.0.1\n' };
    const converted = after({}, await convertFiles(files));
    expect(converted['.kamal/secrets']).toBe('PW=x\n');
    expect(converted['config/deploy.yml']).toMatch(/^<% require "dotenv"; Dotenv\.overload\("\.env"\) %>\nservice: app\n/);
  });

  it('names what an accessory\'s template reads and its env doesn\'t hold', async () => {
    const files = {
      'config/deploy.yml': deploy('accessories:\n  db:\n    image: m:1\n    host: h\n    env: { secret: [ ROOT ] }\n    files: [ "config/init.sql.erb:/init.sql" ]\n'),
      'config/init.sql.erb': 'grant <%= ENV["ROOT"] %> <%= ENV["APP_PW"] %>',
      '.env': 'PW=x\nROOT=r\nAPP_PW=a\n',
    };
    const { remainders } = await convertFiles(files);
    expect(remainders.filter(({ weight }) => weight === 'lost').map(({ file, line, what }) => `${file}:${line}: ${what}`)).toEqual(['config/deploy.yml:6: config/init.sql.erb reads APP_PW from .env']);
  });
});

describe('.env.erb', () => {
  it('becomes references', async () => {
    const template = 'PW=<%= `op read "op://v/docker hub/pw" -n` %>\nA=<%= ENV["A_OF_CI"] %>\nB="<%= %x(aws ssm get).strip %>"\nPLAIN=x\nC=<%= ENV.fetch("C") %>\n';
    const { text, lost } = await secretsOf({ '.env.erb': template, '.env': 'PW=secret-1\nA=secret-2\nB=secret-3\nPLAIN=x\nC=secret-4\nMORE=m\n' });
    expect(text).toBe('PW=$(op read "op://v/docker hub/pw" -n)\nA=$A_OF_CI\nB=$(aws ssm get)\nPLAIN=x\nC=$C\n\nMORE=m\n');
    expect(lost).toEqual([]);
    expect(await valuesOf(text, 2)).toMatchObject({ PW: '<op read "op://v/docker hub/pw" -n>', B: '<aws ssm get>' });
  });

  it('with more Ruby in it keeps the value that is there, and says so', async () => {
    const template = '<% if (token = `op signin --raw`.strip) != "" %>\nPW=<%= `op read x --session #{token}` %>\nA=a\nB=b\n<% else raise "no" end %>\n';
    const { text, lost, notes } = await secretsOf({ '.env.erb': template, '.env': 'PW=secret-1\nA=a\nB=b\n' });
    expect(text).toBe('A=a\nB=b\n\nPW=secret-1\n');
    expect(lost).toEqual(['.env.erb:2: PW: its Ruby is more than a variable or a command']);
    expect(notes).toEqual(expect.arrayContaining(['.env.erb:1: Ruby that decides or prepares something', '.env.erb:5: Ruby that decides or prepares something']));
  });
});

describe('what is shown of secrets', () => {
  it('has names and references only', () => {
    const text = '# PW=old-secret\nPW=secret-1#secret-2\nA="secret-3\nsecret-4" # secret-5\n  # secret-6\nB=$X\nC=${Y}\nD="$(op read secret-7)"\nE=a$X\nexport F=\'secret-8\'\nsecret-9\n';
    const shown = withoutValues(text);
    expect(shown).not.toContain('secret-');
    expect(shown).not.toContain('old');
    for (const line of ['PW=…', 'A=…', 'B=$X', 'C=${Y}', 'D=$(…)', 'E=…', 'export F=…']) expect(shown.split('\n').some((each) => each.startsWith(line))).toBe(true);
  });
});

describe('ignore files', () => {
  const env = { 'config/deploy.yml': BASE, '.env': 'PW=x\nA=a\nB=b\n' };

  it('get the secrets files when those hold values', async () => {
    const converted = after({}, await convertFiles({ ...env, '.gitignore': '/.env*', '.dockerignore': '/.git\n' }));
    expect(converted['.gitignore']).toBe('/.env*\n/.kamal/secrets*\n');
    expect(converted['.dockerignore']).toBe('/.git\n/.kamal/secrets*\n');
  });

  it('stay as they are when git ignores them already, or nothing is secret in them', async () => {
    expect(after({}, await convertFiles({ ...env, '.gitignore': '.kamal\n' }))).not.toHaveProperty(['.gitignore']);
    expect(after({}, await convertFiles({ ...env, '.env': 'PW=$PW\nA=${X}\nB=$B\n' }))).not.toHaveProperty(['.gitignore']);
  });
});

describe('hooks', () => {
  it('get Kamal 2\'s names; what they call that is gone is named', async () => {
    const hooks = [
      { name: 'pre-traefik-reboot', text: '#!/bin/sh\nkamal traefik details\n', executable: true },
      { name: 'post-deploy', text: '#!/bin/sh\n# kamal envify\nkamal envify --skip-push\n', executable: true },
    ];
    const { renames, remainders } = await convertFiles({ 'config/deploy.yml': BASE, '.env': 'PW=x\n' }, { hooks });
    expect(renames).toEqual([{ from: '.kamal/hooks/pre-traefik-reboot', to: '.kamal/hooks/pre-proxy-reboot' }]);
    expect(remainders.filter(({ weight }) => weight === 'lost').map(({ file, line, what }) => `${file}:${line}: ${what}`)).toEqual([
      ".kamal/hooks/pre-traefik-reboot:2: `kamal traefik`, which Kamal 2 doesn't have",
      ".kamal/hooks/post-deploy:3: `kamal envify`, which Kamal 2 doesn't have",
    ]);
  });
});
