import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadProject, readSecrets, SecretMissing, secretValuesOf, SecretsError, type Secrets } from '../../../src/kamal/index.ts';
import { shellEscape, shellSplit } from '../../../src/kamal/secrets/shellwords.ts';

let projectDir: string;
let bin: string;
beforeEach(async () => {
  projectDir = await mkdtemp(path.join(tmpdir(), 'secrets-test-'));
  bin = path.join(projectDir, 'bin');
  await Promise.all(['config', '.kamal', 'bin'].map((name) => mkdir(path.join(projectDir, name))));
  await writeFile(path.join(projectDir, 'config/deploy.yml'), 'service: s\nimage: i\nservers: [ h ]\nregistry: { username: u, password: [ P ] }\nbuilder: { arch: amd64 }\n');
});
afterEach(() => rm(projectDir, { recursive: true }));

async function secretsOf(text: string, env: Record<string, string> = {}): Promise<Secrets> {
  await writeFile(path.join(projectDir, '.kamal/secrets'), text);
  const all = { PATH: `${bin}:/usr/bin:/bin`, VERSION: 'v', ...env };
  return readSecrets(await loadProject({ projectDir, env: all }), { projectDir, env: all });
}

/** A stand-in for a vault's tool; it writes down how it was called. */
async function cli(name: string, script: string): Promise<void> {
  await writeFile(path.join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${projectDir}/calls\n${script}\n`, { mode: 0o755 });
}

describe('secrets files', () => {
  it('reads quotes, escapes, lines and variables as dotenv 3.2 does', async () => {
    const secrets = await secretsOf(
      ['# comment', 'A=plain # not this', "B='$A \\n'", 'C="x $A ${E} \\"q\\" \\n"', 'D="two', 'lines"', 'export F=f', 'G: colon', 'H=\\$A', 'I=', 'J = spaced', ''].join('\n'), { E: 'env' });
    expect(secrets.values()).toEqual({ A: 'plain', B: '$A \\n', C: 'x plain env "q" \\n', D: 'two\nlines', F: 'f', G: 'colon', H: '$A', I: '', J: 'spaced' });
  });

  it('runs commands, the variables in them replaced', async () => {
    const lines = ['A=one', 'B=$(printf "%s two" $A)', 'C=x$(echo "(y)")z', 'D=\\$(echo no)', `E="$(printf 'a\\nb\\n')"`, 'F=$(echo kept; exit 3)'];
    const secrets = await secretsOf(lines.join('\n'));
    expect(secrets.values()).toEqual({ A: 'one', B: 'one two', C: 'x(y)z', D: '$(echo no)', E: 'a\nb', F: 'kept' });
  });

  it.each([
    ['A=x\nB=$(no-such-command $A)', '.kamal/secrets:2: B: $(no-such-command $A): the command was not found'],
    ['\nC=$(false)', '.kamal/secrets:2: C: $(false): failed with exit code 1'],
    ['export D', '.kamal/secrets:1: D: export D has an unset variable'],
  ])('%j is refused by place, key and command', async (text, message) => {
    await expect(secretsOf(text)).rejects.toThrow(SecretsError);
    await expect(secretsOf(text)).rejects.toThrow(message);
  });

  it('never shows a value in the error', async () => {
    const error = await secretsOf('A=hunter2\nB=$(cat /nowhere/$A)').catch((thrown: unknown) => (thrown instanceof Error ? thrown.message : ''));
    expect(error).not.toContain('hunter2');
    expect(error).toContain('$(cat /nowhere/$A)');
  });

  it('says like Kamal what is missing', async () => {
    const secrets = await secretsOf('A=1');
    expect(() => secrets.get('NOPE')).toThrow(new SecretMissing('NOPE', "Secret 'NOPE' not found in .kamal/secrets"));
    expect(JSON.stringify({ secrets })).toBe('{"secrets":"[REDACTED]"}');
  });

  it('sees what ERB put into the environment', async () => {
    await writeFile(path.join(projectDir, '.env'), 'TOKEN=from-dotenv\n');
    const config = await readFile(path.join(projectDir, 'config/deploy.yml'), 'utf8');
    await writeFile(path.join(projectDir, 'config/deploy.yml'), `<% require "dotenv"; Dotenv.load(".env") %>\n${config}`);
    expect((await secretsOf('P=$TOKEN')).get('P')).toBe('from-dotenv');
  });

  it('lists every value that must not show, longest first', async () => {
    const text = 'P=registry-password\nX=short\nLONG=a-much-longer-secret-value\n';
    const secrets = await secretsOf(text);
    const snapshot = await loadProject({ projectDir, env: { VERSION: 'v' } });
    expect(secretValuesOf(snapshot, secrets).secret).toEqual(['a-much-longer-secret-value', 'registry-password', 'short']);
  });
});

describe('kamal secrets', () => {
  const fetchLine = 'ALL=$(kamal secrets fetch --adapter 1password --account me --from Vault/Item PASSWORD db/USER)\n';

  it('takes secrets from 1Password, values that a shell would mangle among them', async () => {
    await cli('op', `case "$*" in
      "--version") echo 2 ;;
      "account get --account me") exit 0 ;;
      *"--fields label=PASSWORD,label=db.USER"*) printf '%s' '[{"reference":"op://Vault/Item/PASSWORD","value":"p $x \`y\` \\"z\\" (1)"},{"reference":"op://Vault/Item/db/USER","value":"u"}]' ;;
      *) exit 1 ;; esac`);
    const secrets = await secretsOf(`${fetchLine}A=$(kamal secrets extract Vault/Item/db/USER $ALL)\nB=$(kamal secrets extract USER $ALL)\n`);
    expect(secrets.get('A')).toBe('u');
    expect(secrets.get('B')).toBe('u');
    expect(await readFile(path.join(projectDir, 'calls'), 'utf8')).toContain('op item get Item --vault Vault --format json --account me --fields label=PASSWORD,label=db.USER\n');
  });

  it('signs in to 1Password when needed, and says when it fails', async () => {
    await cli('op', 'case "$1" in --version) exit 0 ;; account|signin) exit 1 ;; esac');
    await expect(secretsOf(fetchLine)).rejects.toThrow('ALL: $(kamal secrets fetch --adapter 1password --account me --from Vault/Item PASSWORD db/USER): Failed to login to 1Password');
  });

  it('takes secrets from Bitwarden with the session in the environment', async () => {
    await cli('bw', `echo "session=$BW_SESSION" >> ${projectDir}/calls
      case "$1 $2" in
      "--version ") echo 1 ;;
      "status ") if [ -n "$BW_SESSION" ]; then echo '{"status":"unlocked"}'; else echo '{"status":"locked"}'; fi ;;
      "unlock --raw") printf KEY ;;
      "sync ") ;;
      "get item") printf '%s' '{"login":{"password":"pw"},"fields":[{"name":"USER","value":"u"}]}' ;; esac`);
    const secrets = await secretsOf('ALL=$(kamal secrets fetch -a bitwarden --account=me app app/USER)\nA=$(kamal secrets extract USER $ALL)\n');
    expect(secrets.get('A')).toBe('u');
    const calls = await readFile(path.join(projectDir, 'calls'), 'utf8');
    expect(calls).toContain('bw get item app\nsession=KEY');
    expect(calls).not.toContain('bw --session');
  });

  it('leaves fetching to an installed kamal', async () => {
    await cli('kamal', `printf '%s\\n' '{"x/TOKEN":"by kamal"}'`);
    const secrets = await secretsOf('ALL=$(kamal secrets fetch --adapter doppler x/TOKEN)\nT=$(kamal secrets extract TOKEN $ALL)\n');
    expect(secrets.get('T')).toBe('by kamal');
    expect(await readFile(path.join(projectDir, 'calls'), 'utf8')).toBe('kamal secrets fetch --adapter doppler x/TOKEN\n');
  });

  it.each([
    ['A=$(kamal secrets fetch --adapter doppler x)', /doppler needs Kamal itself/],
    ['A=$(kamal secrets fetch --adapter nope x)', /Unknown secrets adapter: nope/],
    ['A=$(kamal secrets fetch --adapter 1password x)', /Missing required option '--account'/],
    ['A=$(kamal secrets fetch --adapter 1password --account me x)', /1Password CLI is not installed/],
    ["A=$(kamal secrets extract X '{}')", /Could not find secret X/],
    ['A=$(kamal secrets print)', /only kamal secrets fetch and extract/],
  ])('%s is refused', async (text, message) => {
    await expect(secretsOf(text)).rejects.toThrow(message);
  });
});

describe('shellwords', () => {
  it.each(['', 'a b', "it's", '{"a": "b $c `d` \\"e\\""}', 'line\nbreak', 'é 日'])('splits what it escaped: %j', (text) => {
    expect(shellSplit(`x ${shellEscape(text)} y`)).toEqual(['x', text, 'y']);
  });
});
