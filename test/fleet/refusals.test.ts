import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { realKamal } from '../../lab/kamal.ts';
import { must } from '../../lab/run.ts';
import type { CheckItem } from '../../src/plan/check/items.ts';
import { Shop } from './shop.ts';
import { attemptsOn } from './steps.ts';
import { fleetAsItWas, lab, listFleet } from './the-lab.ts';
import type { Fleet } from './the-lab.ts';

const UNTOUCHED = /nothing was changed on any host/i;
const h2 = lab.host('h2').address;
const h3 = lab.host('h3').address;
const labapp = `${lab.topology.gateway}:5000/labapp:v1`;

describe('what is wrong is said before the first change', () => {
  let shop: Shop;
  let before: Fleet;
  beforeAll(async () => {
    await lab.restore();
    before = await listFleet();
    shop = await Shop.open('refusals');
  });
  afterEach(() => shop.configure());
  afterAll(async () => {
    // Whatever was refused above, no host is any different for it, and none ever got as far as a step.
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    for (const host of lab.hosts) expect(await attemptsOn(host.name), host.name).toEqual([]);
    await shop.close();
  });

  async function expectRefused(code: number, ...says: (string | RegExp)[]): Promise<void> {
    const ended = await shop.upgrade();
    expect(ended.code, ended.stderr).toBe(code);
    for (const text of says) expect(ended.stderr).toMatch(text);
    expect(ended.stderr).toMatch(UNTOUCHED);
  }

  /** Makes something wrong on a host for as long as the refusal takes. */
  async function whileOn(host: string, wrong: string, right: string, work: () => Promise<void>): Promise<void> {
    const run = async (script: string) => {
      const ended = await lab.exec(host, script);
      expect(ended.code, ended.stderr).toBe(0);
    };
    await run(wrong);
    try {
      await work();
    } finally {
      await run(right);
    }
  }

  describe('in the project', () => {
    it('no configuration', async () => {
      await rm(join(shop.dir, 'config/deploy.yml'));
      await expectRefused(2, /config\/deploy\.yml/);
    });
    it('an unknown key, with its line', async () => {
      await shop.configure({ changes: { proxi: { host: 'shop.example' } } });
      await expectRefused(2, /config\/deploy\.yml:\d+/, /proxi/);
    });
    it("Kamal 1's configuration, with its line", async () => {
      await shop.configure({ kamal: 1 });
      await expectRefused(2, /config\/deploy\.yml:\d+/, /traefik/);
    });
    it('a secret that is missing', async () => {
      await writeFile(join(shop.dir, '.kamal/secrets'), 'KAMAL_REGISTRY_PASSWORD=x\nREDIS_PASSWORD=y\n');
      await expectRefused(2, /APP_SECRET/);
    });
    it('an active label of Traefik', async () => {
      await shop.configure({ changes: { servers: { web: { labels: { 'traefik.http.routers.shop.rule': 'PathPrefix(`/`)' } } } } });
      await expectRefused(3, /config\/deploy\.yml:\d+.*traefik\.http\.routers\.shop\.rule/);
    });
    it('a role that publishes a port', async () => {
      await shop.configure({ changes: { servers: { workers: { options: { publish: '9000:9000' } } } } });
      await expectRefused(3, /role workers.*--publish/);
    });
    it('TLS without a certificate', async () => {
      await shop.configure({ changes: { servers: { web: { hosts: [lab.host('h1').address] } }, proxy: { ssl: true, host: 'shop.example' } } });
      await expectRefused(3, /ssl: true/, /--allow-issuance/);
    });
    it('a variable that the app would lose, whatever -y says', async () => {
      await shop.configure({ changes: { env: { clear: { DB_HOST: undefined } } } });
      await expectRefused(3, /DB_HOST/, /--accept-lost-env/);
    });
  });

  describe('on the way to a host', () => {
    it('an address where nobody is', async () => {
      const nobody = `${lab.topology.subnet}.99`;
      await shop.configure({ changes: { servers: { web: { hosts: [lab.host('h1').address, nobody] } } } });
      await expectRefused(3, new RegExp(nobody));
    });
    it('a key that the host does not take', async () => {
      const key = join(shop.dir, 'config/ssh/id_ed25519');
      await rm(key);
      await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
      await rm(`${key}.pub`);
      await expectRefused(3, new RegExp(h2), /key|authent/i);
    });
    it('a host key that nobody knows', async () => {
      await writeFile(join(shop.dir, 'config/ssh/known_hosts'), '');
      await expectRefused(3, new RegExp(h2), /known_hosts/);
    });
    it('a host that says nothing', async () => {
      await appendFile(join(shop.dir, 'config/ssh/config'), '\nHost *\n  ConnectTimeout 4\n');
      await lab.cutLink('h2');
      try {
        await expectRefused(3, new RegExp(h2));
      } finally {
        await lab.restoreLink('h2');
      }
    });
  });

  describe('on a host', () => {
    it('no Docker that answers', () => whileOn('h2', 'mv /run/docker.sock /run/away.sock', 'mv /run/away.sock /run/docker.sock', () => expectRefused(3, new RegExp(`${h2}.*Docker`))));
    it("somebody's deploy lock, as Kamal 2 makes it", async () => {
      const kamal = (...args: string[]) => must(realKamal(), args, { cwd: shop.dir, env: { ...shop.env, VERSION: 'v1' } });
      await kamal('lock', 'acquire', '-m', 'deploying by hand');
      try {
        await expectRefused(3, /\.kamal\/lock-labapp is held/, /deploying by hand/);
      } finally {
        await kamal('lock', 'release');
      }
    });
    it("Kamal 1's deploy lock, which needs no details to be one", () =>
      whileOn('h1', 'mkdir .kamal/locks/labapp', 'rmdir .kamal/locks/labapp', () => expectRefused(3, /\.kamal\/locks\/labapp is held/)));
    it('another service behind the same Traefik', () =>
      whileOn('h1', `docker run -d --name wiki --label 'traefik.http.routers.wiki.rule=Host("wiki")' ${labapp} worker`, 'docker rm -f wiki', () => expectRefused(3, /Traefik also routes to wiki/)));
    it("a container of that name that isn't Kamal's Traefik", () =>
      whileOn('h1', `docker rename traefik kamals && docker run -d --name traefik ${labapp} worker`, 'docker rm -f traefik && docker rename kamals traefik', () =>
        expectRefused(3, /`traefik`.*Kamal did not make/)));
    it('clients that ask by address, where kamal-proxy will know a name only', async () => {
      await shop.configure({ changes: { proxy: { host: 'shop.example' } } });
      await expectRefused(3, new RegExp(`${h2}.*'http by ip /up' \\(200 now, then 404`), /--accept-answers 'by ip,unknown host'/);
      const accepted = await shop.bactrian('upgrade', '--dry-run', '--accept-answers', 'by ip,unknown host');
      expect(accepted.code, accepted.stderr).toBe(0);
    });
    it('a database that admits the old network only', () =>
      whileOn('h1', `iptables -I DOCKER-USER -s 172.18.0.0/15 -d ${h3} -p tcp --dport 6379 -j DROP`, 'iptables -D DOCKER-USER 1', () =>
        expectRefused(3, new RegExp(`the app reaches DB_HOST \\(${h3}:6379\\) now`), /172\.1\d\.0\.0\/16.*--accept-unreachable DB_HOST/)));
    it('an accessory with data in an anonymous volume', () =>
      whileOn('h3', 'docker rename labapp-redis aside && docker run -d --name labapp-redis --volume /cache redis:7.0', 'docker rm -fv labapp-redis && docker rename aside labapp-redis', () =>
        expectRefused(3, /redis.*anonymous volume \(\/cache\)/)));
    it('an accessory whose image is another one by now', () =>
      whileOn('h3', `docker tag redis:7.0 redis:kept && docker tag ${labapp} redis:7.0`, 'docker tag redis:kept redis:7.0 && docker rmi --no-prune redis:kept', () =>
        expectRefused(3, /redis.*another image/, /--pull-accessories/)));
  });

  it('all at once, with what to do about each, by `bactrian check`', async () => {
    const service = `docker run -d --name wiki --label 'traefik.http.routers.wiki.rule=Host("wiki")' ${labapp} worker`;
    const port = 'setsid busybox nc -ll -p 443 < /dev/null > /dev/null 2>&1 & echo $! > /run/nc.pid';
    await whileOn('h1', `mkdir .kamal/locks/labapp; ${service}; ${port}`, 'rmdir .kamal/locks/labapp; docker rm -f wiki; kill $(cat /run/nc.pid)', async () => {
      await shop.configure({ changes: { proxy: { app_port: 80 } } });
      await writeFile(join(shop.dir, '.kamal/secrets'), 'KAMAL_REGISTRY_PASSWORD=wrong\nAPP_SECRET=app-secret-1\nREDIS_PASSWORD=redis-secret-1\n');
      const ended = await shop.bactrian('check', '--json', '-h', lab.host('h1').address);
      expect(ended.code, ended.stderr).toBe(3);
      const items = JSON.parse(ended.stdout) as CheckItem[];
      const failed = items.filter(({ level }) => level === 'fail');
      expect(failed.map(({ id }) => id).sort()).toEqual(['health', 'lock', 'neighbours', 'ports', 'registry']);
      expect(failed.find(({ id }) => id === 'health')?.fix).toBe('set `proxy/app_port: 3000`');
      expect(ended.stdout).not.toContain('secret-1');
    });
  });

  it('a second run at once', async () => {
    const first = shop.start('upgrade', '-y', '--approve', 'pre');
    await first.printed('bactrian approve pre');
    const second = await shop.upgrade();
    expect(second.code).toBe(3);
    expect(second.stderr).toContain('in progress already');
    expect(second.stderr).toContain('bactrian watch');
    expect(await shop.bactrian('reject')).toMatchObject({ code: 0 });
    await first.ended;
  });
});
