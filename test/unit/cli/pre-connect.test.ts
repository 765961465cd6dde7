import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { afterPreConnect, byPreConnect } from '../../../src/cli/pre-connect.ts';
import type { FleetProbe } from '../../../src/cli/probe-fleet.ts';
import { openProject, openSecrets, type ProjectOptions } from '../../../src/cli/project.ts';

const DEPLOY = 'service: shop\nimage: acme/shop\nservers: [ 10.0.0.1, 10.0.0.2 ]\nregistry: { username: bot, password: [ P ] }\nbuilder: { arch: amd64 }\n';

let dir: string;
let looks: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bactrian-pre-connect-'));
  mkdirSync(join(dir, 'config'));
  mkdirSync(join(dir, '.kamal/hooks'), { recursive: true });
  writeFileSync(join(dir, 'config/deploy.yml'), DEPLOY);
  writeFileSync(join(dir, '.kamal/secrets'), 'P=pw-7\n');
  looks = 0;
});
afterEach(() => rmSync(dir, { recursive: true }));

function hook(text: string): void {
  writeFileSync(join(dir, '.kamal/hooks/pre-connect'), `#!/bin/sh\n${text}\n`);
  chmodSync(join(dir, '.kamal/hooks/pre-connect'), 0o755);
}

/** Looks at hosts of which the second is reached only once somebody has made the file `open`. */
async function look({ noWay = true, skipHooks = false } = {}) {
  const options: ProjectOptions = { project: dir };
  const project = await openProject(options);
  const said: string[] = [];
  const fakeLook = (): Promise<FleetProbe> => {
    looks += 1;
    return Promise.resolve({ facts: [], unreachable: existsSync(join(dir, 'open')) ? [] : [{ host: '10.0.0.2', message: 'm', hint: 'h', noWay }] });
  };
  const done = await byPreConnect(fakeLook, { project, hosts: project.deployment.hosts, secrets: await openSecrets(project), skipHooks, say: (line) => said.push(line) });
  return { ...done, said, after: afterPreConnect(project.snapshot, done.hookRan) };
}

describe('hosts that nobody answers for', () => {
  it("are looked at again after the hook pre-connect, which gets what Kamal gives it", async () => {
    hook('echo "$KAMAL_HOSTS $KAMAL_COMMAND $KAMAL_LOCK $P $PWD" >> ran; touch open');
    const { probe, said, after } = await look();
    expect(probe.unreachable).toEqual([]);
    expect(looks).toBe(2);
    expect(readFileSync(join(dir, 'ran'), 'utf8')).toBe(`10.0.0.1,10.0.0.2 upgrade false pw-7 ${dir}\n`);
    expect(said).toEqual(['No way to 10.0.0.2: running the hook pre-connect, then looking again …']);
    expect(after).toEqual(['The hook pre-connect was run before the last look.']);
  });

  it('end the command where the hook fails, or can not be run', async () => {
    hook('exit 7');
    await expect(look()).rejects.toThrow('The hook pre-connect ended with 7. Nothing was changed on any host.');
    chmodSync(join(dir, '.kamal/hooks/pre-connect'), 0o644);
    await expect(look()).rejects.toThrow("The hook pre-connect can't be run (");
  });

  it.each([
    ['with --skip-hooks', { skipHooks: true }, true],
    ['where an answer was a refusal', { noWay: false }, true],
    ['without such a hook', {}, false],
  ])('are looked at once %s', async (_, wish, there) => {
    if (there) hook('touch open');
    const { probe, said } = await look(wish);
    expect([probe.unreachable.length, looks, said]).toEqual([1, 1, []]);
  });

  it('do not matter to hosts that are reached: no hook runs', async () => {
    hook('touch ran');
    writeFileSync(join(dir, 'open'), '');
    await look();
    expect([looks, existsSync(join(dir, 'ran'))]).toEqual([1, false]);
  });
});
