import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clientClasses, removeClients, startClients } from '../../lab/clients.ts';
import { comparable } from '../../lab/comparable.ts';
import { startExchanges } from '../../lab/exchanges.ts';
import { Lab } from '../../lab/lab.ts';
import { realKamal } from '../../lab/kamal.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import { writeProject } from '../../lab/project.ts';
import { eventually, must, run } from '../../lab/run.ts';
import { reference } from './reference.ts';

const lab = new Lab({ name: 'labtest', subnet: '10.74.0' });

describe('a lab', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    await lab.down();
    await lab.up();
  }, 300_000);
  afterAll(async () => {
    await lab.down();
  }, 60_000);

  it('is in the state that Kamal 1.9.3 leaves', async () => {
    for (const host of lab.hosts) {
      expect(comparable(await lab.inspect(host.name), '10.74.0'), host.name).toEqual((await reference('kamal-1.9.3-deployed'))[host.name]);
    }
  });

  it('serves the app through Traefik, and notices what is lost', async () => {
    const load = await startLoad(loadOn(lab, 20));
    await pause(1000);
    await lab.exec('h2', 'docker stop -t 1 labapp-web-v1');
    await pause(1000);
    const [front, redis, stopped] = await load.stop();
    expect(front).toMatchObject({ name: 'h1 /', lost: 0, answers: { 'labapp v1': front?.good } });
    expect(front?.good).toBeGreaterThan(30);
    expect(redis).toMatchObject({ name: 'h1 /redis', lost: 0, answers: { 'redis ok': redis?.good } });
    expect(stopped?.lost).toBeGreaterThan(5);
    expect(stopped?.good).toBeGreaterThan(5);
    expect(stopped?.outage).toBeGreaterThan(500);
    await lab.exec('h2', 'docker start labapp-web-v1');
    await eventually('h2 serves again', 30_000, async () => (await fetch('http://10.74.0.12/')).status === 200);
  });

  it('has clients of every class, and exchanges that take long, and notices when they are cut off', async () => {
    const clients = await startClients(lab, 'h1');
    const exchanges = await startExchanges(lab.host('h1').address, 2);
    const cutOff = await startExchanges(`[${lab.host('h2').ipv6}]`, 30);
    expect((await exchanges.ended).map(({ name, end }) => [name, end])).toEqual([
      ['download', 'well'],
      ['websocket', 'well'],
      ['upload', 'well'],
    ]);
    await lab.exec('h1', 'docker kill traefik');
    await lab.exec('h2', 'docker kill traefik');
    await pause(1000);
    const streams = await clients.stop();
    expect(streams.map(({ name }) => name)).toEqual(clientClasses.flatMap((each) => [`${each}, new`, `${each}, kept`]));
    for (const stream of streams) {
      expect(stream.good, stream.name).toBeGreaterThan(10);
      expect(stream.lost, stream.name).toBeGreaterThan(2);
      expect(stream.outage, stream.name).toBeGreaterThan(500);
    }
    for (const { name, end } of await cutOff.ended) expect(end, name).not.toBe('well');
    await lab.exec('h1', 'docker start traefik');
    await lab.exec('h2', 'docker start traefik');
    await removeClients(lab, 'h1');
    expect((await lab.inspect('h1')).containers.map(({ name }) => name)).toEqual(['labapp-web-v1', 'traefik']);
  });

  it('gives the hosts their disks back', async () => {
    await lab.exec('h1', 'docker rm -f traefik; touch stray; docker network create stray');
    const before = await lab.inspect('h1');
    expect(before.containers.map((container) => container.name)).toEqual(['labapp-web-v1']);
    await lab.restore();
    const after = await lab.inspect('h1');
    expect(after.containers.map((container) => [container.name, container.status])).toEqual([
      ['labapp-web-v1', 'running'],
      ['traefik', 'running'],
    ]);
    expect(after.files.map((file) => file.path)).not.toContain('./stray');
    expect(after.networks.map((network) => network.name)).not.toContain('stray');
    expect(await lab.commands('h1')).toEqual([]);
    expect((await fetch('http://10.74.0.12/')).status).toBe(200);
  });

  it('answers SSH with its own host keys and notes each command', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'labtest-'));
    await writeProject(lab, folder);
    const ssh = (...args: string[]) => run('ssh', ['-F', join(folder, 'config/ssh/config'), '-o', 'BatchMode=yes', ...args]);
    expect(await ssh('10.74.0.13', 'hostname; exit 3')).toMatchObject({ code: 3, stdout: 'h3\n' });
    expect((await lab.commands('h3')).at(-1)).toMatchObject({ command: 'hostname; exit 3', code: 3 });
    expect(await ssh('-o', 'UserKnownHostsFile=/dev/null', '10.74.0.13', 'true')).toMatchObject({ code: 255 });
    await rm(folder, { recursive: true });
  });

  it('cuts and restores power and link', async () => {
    await lab.powerOff('h3');
    expect((await lab.status()).on).toEqual({ h1: true, h2: true, h3: false });
    await lab.powerOn('h3');
    expect((await lab.inspect('h3')).containers.map((container) => container.status)).toEqual(['running', 'running']);

    await lab.cutLink('h1');
    await expect(fetch('http://10.74.0.11/', { signal: AbortSignal.timeout(1500) })).rejects.toThrow('timeout');
    await lab.restoreLink('h1');
    expect((await fetch('http://10.74.0.11/')).status).toBe(200);
  });

  it('is upgraded by real Kamal to the state that real Kamal left elsewhere', async () => {
    await lab.restore();
    const folder = await mkdtemp(join(tmpdir(), 'labtest-'));
    await writeProject(lab, folder);
    await must(realKamal(), ['upgrade', '-y', '--version', 'v1'], { cwd: folder });
    for (const host of lab.hosts) {
      expect(comparable(await lab.inspect(host.name), '10.74.0'), host.name).toEqual((await reference('upgraded-by-kamal-2.12.0'))[host.name]);
      expect((await lab.commands(host.name)).length).toBeGreaterThan(20);
    }
    await rm(folder, { recursive: true });
  });

  it('refuses a network that the machine has already', async () => {
    const second = new Lab({ name: 'labtwo', subnet: '10.74.0' });
    await expect(second.up()).rejects.toThrow('wants the network 10.74.0.0/24');
    expect(existsSync(second.folder)).toBe(false);
    expect(await must('ip', ['netns', 'list'])).not.toContain('bkt-labtwo');
  });

  it('leaves nothing behind', async () => {
    await lab.down();
    expect(await leftBehind()).toEqual([]);
  });

  it.runIf(process.env.BACTRIAN_TEST_FULL === '1')('leaves nothing behind after a kill -9 while it comes up, and comes up again', async () => {
    const cli = new URL('../../lab/cli.ts', import.meta.url).pathname;
    const args = ['--import', import.meta.resolve('tsx'), cli, '--name', 'labtest', '--subnet', '10.74.0', 'up'];
    for (const killedAfterMs of [2500, 8000]) {
      const child = spawn(process.execPath, args, { stdio: 'ignore' });
      await pause(killedAfterMs);
      child.kill('SIGKILL');
      expect(await leftBehind()).not.toEqual([]);
      await lab.down();
      expect(await leftBehind()).toEqual([]);
    }
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    await pause(8000);
    child.kill('SIGKILL');
    await lab.up();
    expect((await fetch('http://10.74.0.11/')).status).toBe(200);
    await lab.down();
    expect(await leftBehind()).toEqual([]);
  });
});

/** Whatever of the lab the machine still has: namespaces, interfaces, mounts, control groups, folders, processes. */
async function leftBehind(): Promise<string[]> {
  const listings = await Promise.all([
    must('ip', ['netns', 'list']),
    must('ip', ['-o', 'link']),
    readFile('/proc/mounts', 'utf8'),
    must('find', ['/sys/fs/cgroup', '-type', 'd', '-name', 'bkt-labtest*']),
    must('find', ['/var/lib', '-maxdepth', '2', '-path', lab.folder]),
  ]);
  // After the others: it would list them.
  const processes = await must('ps', ['-eo', 'pid,args']);
  return [...listings, processes]
    .join('\n')
    .split('\n')
    .filter((line) => /bkt-labtest|bactrian-lab\/labtest/.test(line));
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
