import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ConfigFileError, readHostConfig } from '../../../src/ssh/config-file.ts';
import { resolveTarget } from '../../../src/ssh/target.ts';
import { SshError } from '../../../src/ssh/error.ts';

const dir = mkdtempSync(join(tmpdir(), 'ssh-config-'));
const file = join(dir, 'config');
afterAll(() => rmSync(dir, { recursive: true }));
const write = (name: string, text: string): string => {
  const path = join(dir, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};
beforeEach(() => write('config', ''));

const ours = (host: string, user?: string): Map<string, string[]> =>
  new Map(readHostConfig([file], { host, user, localUser: userInfo().username, home: homedir(), env: process.env }));

/** What the real ssh makes of the same file: keyword to its values, each line's rest as one. */
function sshG(host: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const line of execFileSync('ssh', ['-G', '-F', file, host], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    .trim()
    .split('\n')) {
    const at = line.indexOf(' ');
    const keyword = line.slice(0, at);
    values.set(keyword, [...(values.get(keyword) ?? []), line.slice(at + 1)]);
  }
  return values;
}

describe('the same as `ssh -G`', () => {
  const cases: Record<string, string> = {
    'first value wins': 'Host web\n Port 2222\n User first\nHost *\n Port 2223\n User second\n',
    'before any Host': 'User early\nHost web\n User late\n',
    'patterns and negation':
      'Host w?b !webx\n User a\nHost *.example.com,web\n User b\nHost !web *\n User c\nHost ???\n Port 1000\n',
    'case of keywords, = and tabs': 'hOsT web\n\tPORT = 2022\n  user=x\nHost *\nhostname\t=\tEXAMPLE.com\n',
    'quotes and comments':
      'Host "web" other # comment\n  User "a b" # comment\n  IdentityFile "/a b/c#d"\n# User no\n  IdentityFile \'/e f\'\n',
    'every IdentityFile': 'Host web\n IdentityFile /a\nHost *\n IdentityFile /b\n IdentityFile /c\nIdentitiesOnly yes\n',
    'ProxyCommand as it stands': `Host web\n ProxyCommand sh -c 'nc   -X 5 "%h" %p' # not a comment\n`,
    ProxyJump: 'Host web\n ProxyJump u@jump:2200,other\n',
    'Match all and host': 'Match host web,other\n User a\nMatch all\n Port 99\n User b\n',
    'Match negated': 'Match !host web\n User a\nMatch !host other originalhost w*\n User b\n',
    'Match host after HostName':
      'Host web\n HostName 10.0.0.1\nMatch host 10.0.0.*\n User resolved\nMatch originalhost web\n Port 77\n',
    'Match user': `User deploy\nMatch user deploy\n Port 1\nMatch user root\n Port 2\n`,
    'Match localuser': `Match localuser ${userInfo().username}\n Port 12\nMatch localuser nobody-here\n Port 13\n`,
    'Match exec': `Match host web exec "test %h = web"\n User yes\nMatch exec "false"\n Port 5\n`,
    'Match final': 'Match final host 10.0.0.1\n User seen-last\nHost web\n HostName 10.0.0.1\n',
    'HostName with %h': 'Host web\n HostName %h.example.com\n',
    'known hosts': 'UserKnownHostsFile /a "/b c"\nGlobalKnownHostsFile /d\nStrictHostKeyChecking accept-new\nHostKeyAlias Name\n',
    'Windows line ends': 'Host web\r\n User crlf\r\n Port 10\r\n',
  };

  test.each(Object.entries(cases))('%s', (_, text) => {
    write('config', text);
    for (const host of ['web', 'other', 'webx', 'a.example.com']) {
      const theirs = sshG(host);
      const mine = ours(host);
      for (const keyword of [
        'user',
        'port',
        'hostname',
        'hostkeyalias',
        'identityfile',
        'identitiesonly',
        'proxycommand',
        'proxyjump',
        'stricthostkeychecking',
        'userknownhostsfile',
        'globalknownhostsfile',
      ]) {
        const value = mine.get(keyword);
        // ssh -G shows defaults too; what the file says nothing about is not looked at here.
        if (value === undefined) continue;
        const shown =
          keyword === 'identityfile' ? value : [value.join(' ').replaceAll('%h', keyword === 'hostname' ? host : '%h')];
        const expected =
          keyword === 'hostname' || keyword === 'hostkeyalias'
            ? theirs.get(keyword)?.map((name) => name.toLowerCase())
            : theirs.get(keyword);
        expect(
          shown.map((v) => (keyword === 'hostname' || keyword === 'hostkeyalias' ? v.toLowerCase() : v)),
          `${keyword} of ${host}`,
        ).toEqual(expected);
      }
      // And the other way round: nothing that the file decides is missed.
      expect([host, mine.get('user')?.[0] ?? userInfo().username]).toEqual([host, theirs.get('user')?.[0]]);
      expect([host, mine.get('port')?.[0] ?? '22']).toEqual([host, theirs.get('port')?.[0]]);
    }
  });

  test('Include: globs, nesting, inside a Host, missing files', () => {
    write('conf.d/a.conf', 'Host web\n User from-a\n');
    write('conf.d/b.conf', `Host other\n User from-b\nInclude ${dir}/deep/*.conf\n`);
    write('conf.d/.hidden.conf', 'Port 1\n');
    write('deep/c.conf', 'Port 3333\n');
    write('only-web', 'Port 4444\nHost *\n IdentityFile /seen\n');
    write('config', `Include ${dir}/conf.d/*.conf ${dir}/missing\nHost web\n Include ${dir}/only-web\nHost *\n User last\n`);
    for (const host of ['web', 'other', 'third']) {
      const [mine, theirs] = [ours(host), sshG(host)];
      expect([host, mine.get('user')?.[0], mine.get('port')?.[0] ?? '22']).toEqual([
        host,
        theirs.get('user')?.[0],
        theirs.get('port')?.[0],
      ]);
      expect(mine.get('identityfile') ?? []).toEqual(host === 'web' ? ['/seen'] : []);
    }
  });

  test('generated files', () => {
    const name = fc.constantFrom('web', 'db', 'web.example.com', 'a');
    const pattern = fc.constantFrom('web', 'w*', '*', '?', '*.example.com', '!web', '!d?', 'db', 'A', '???');
    const block = fc.record({
      head: fc.oneof(
        fc.array(pattern, { minLength: 1, maxLength: 3 }).map((list) => `Host ${list.join(' ')}`),
        fc.array(pattern, { minLength: 1, maxLength: 2 }).map((list) => `Match host ${list.join(',')}`),
        fc.constantFrom('Match all', 'Match !host web', 'Match user u1', 'Match originalhost w*,!web'),
      ),
      lines: fc.array(
        fc.constantFrom('User u1', 'User "u2"', 'Port 11', 'Port=12', 'HostName db', 'HostName %h.example.com', '# nothing', ''),
        { maxLength: 4 },
      ),
    });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 6 }), name, (blocks, host) => {
        write('config', blocks.map(({ head, lines }) => [head, ...lines.map((line) => `  ${line}`)].join('\n')).join('\n'));
        const [mine, theirs] = [ours(host), sshG(host)];
        expect([
          mine.get('user')?.[0] ?? userInfo().username,
          mine.get('port')?.[0] ?? '22',
          (mine.get('hostname')?.[0] ?? host).replaceAll('%h', host),
        ]).toEqual([theirs.get('user')?.[0], theirs.get('port')?.[0], theirs.get('hostname')?.[0]]);
      }),
      { numRuns: 200 },
    );
  });
});

test('mistakes name file and line', () => {
  write('config', 'Host web\n\n User "x\n');
  expect(() => ours('web')).toThrow(ConfigFileError);
  expect(() => ours('web')).toThrow(`${file}:3`);
  write('config', 'Host web\n User\n');
  expect(() => ours('other')).toThrow(`${file}:2`);
  write('config', `Include ${file}\n`);
  expect(() => ours('web')).toThrow('16');
});

describe('resolveTarget', () => {
  const settings = { config: [file], env: { HOME: '/home/x', SSH_AUTH_SOCK: '/agent' } };

  test("defaults are OpenSSH's", () => {
    expect(resolveTarget('web', settings)).toMatchObject({
      hostName: 'web',
      port: 22,
      user: userInfo().username,
      keyFiles: ['/home/x/.ssh/id_ed25519', '/home/x/.ssh/id_rsa', '/home/x/.ssh/id_ecdsa'],
      agentSocket: '/agent',
      strictHostKeys: 'yes',
      userKnownHosts: ['/home/x/.ssh/known_hosts', '/home/x/.ssh/known_hosts2'],
      jumps: [],
      keepaliveIntervalMs: 5000,
      connectTimeoutMs: 30_000,
    });
  });

  test('what is given wins over the file, the file over defaults', () => {
    write(
      'config',
      'User file\nPort 99\nProxyJump file-jump\nForwardAgent yes\nIdentitiesOnly yes\nConnectTimeout 7\nIdentityFile ~/.ssh/%h-%r\nIdentityAgent $SSH_AUTH_SOCK\n',
    );
    expect(resolveTarget('web', settings)).toMatchObject({
      user: 'file',
      port: 99,
      jumps: ['file-jump'],
      forwardAgent: true,
      keysOnly: true,
      connectTimeoutMs: 7000,
      keyFiles: ['/home/x/.ssh/web-file'],
      agentSocket: '/agent',
    });
    expect(
      resolveTarget('web', {
        ...settings,
        user: 'me',
        port: 22,
        proxyCommand: 'nc %h %p',
        forwardAgent: false,
        keysOnly: false,
        connectTimeoutMs: 5,
        keys: [],
      }),
    ).toMatchObject({
      user: 'me',
      port: 22,
      jumps: [],
      proxyCommand: 'nc web 22',
      forwardAgent: false,
      keysOnly: false,
      connectTimeoutMs: 5,
      keyFiles: [],
    });
    expect(resolveTarget('web', { ...settings, config: false })).toMatchObject({ port: 22, jumps: [] });
    expect(resolveTarget('web', { ...settings, proxyJump: 'none' })).toMatchObject({ jumps: [], proxyCommand: undefined });
  });

  test("left out, the configuration is the home's; switched off, there is none", () => {
    write('.ssh/config', 'Host web\n HostName 10.1.2.3\n IdentityFile ~/.ssh/%r\n');
    const env = { HOME: dir };
    expect(resolveTarget('web', { user: 'u', env })).toMatchObject({ hostName: '10.1.2.3', keyFiles: [join(dir, '.ssh/u')] });
    expect(resolveTarget('web', { env, config: true })).toMatchObject({ hostName: '10.1.2.3' });
    expect(resolveTarget('web', { env, config: false })).toMatchObject({ hostName: 'web' });
    expect(resolveTarget('web', { env, config: ['~/.ssh/config', '/no/such/file'] })).toMatchObject({ hostName: '10.1.2.3' });
  });

  test('whichever of ProxyJump and ProxyCommand comes first', () => {
    write('config', 'ProxyJump u@jump:2200,other\nProxyCommand nc %h %p\n');
    expect(resolveTarget('web', settings)).toMatchObject({ jumps: ['u@jump:2200', 'other'], proxyCommand: undefined });
    expect([...sshG('web').keys()]).not.toContain('proxycommand');
    write('config', 'ProxyCommand nc %h %p\nProxyJump jump\n');
    expect(resolveTarget('web', settings)).toMatchObject({ jumps: [], proxyCommand: 'nc web 22' });
    expect([...sshG('web').keys()]).not.toContain('proxyjump');
  });

  test('a port that is none', () => {
    write('config', 'Port many\n');
    expect(() => resolveTarget('web', settings)).toThrow(SshError);
  });
});
