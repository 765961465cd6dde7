import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { clientClasses, removeClients, startClients, type ClientClass } from '../../lab/clients.ts';
import { startExchanges } from '../../lab/exchanges.ts';
import type { Changes } from '../../lab/project.ts';
import { expectNothingLost, rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import { lab } from './the-lab.ts';

describe('a handover on other kinds of hosts, under load from each class of client', () => {
  let shop: Shop;
  const dockerConfiguration = join(lab.folder, 'hosts/h1/etc/docker.json');
  let before: string;
  beforeAll(async () => {
    before = await readFile(dockerConfiguration, 'utf8');
    shop = await Shop.open('handover-hosts');
  });
  afterEach(async () => {
    await writeFile(dockerConfiguration, before);
    await removeClients(lab, 'h1');
  });
  afterAll(() => shop.close());

  const v4: ClientClass[] = ['outside, IPv4', 'the host, its own address', 'the host, 127.0.0.1', 'container on the default bridge'];
  it.each<[string, { docker?: string; changes?: Changes; classes: readonly ClientClass[] }]>([
    ['userland-proxy is off', { docker: '{"userland-proxy": false}', classes: v4.slice(0, 3) }],
    ['live-restore is on', { docker: '{"live-restore": true}', classes: clientClasses }],
    ['the ports are bound to its address', { changes: { proxy: { run: { bind_ips: [lab.host('h1').address] } } }, classes: ['outside, IPv4', 'the host, its own address'] }],
  ])('%s', async (_, { docker, changes, classes }) => {
    if (docker) await writeFile(dockerConfiguration, docker);
    await lab.restore();
    await shop.configure({ changes: { drain_timeout: 22, ...changes } });
    const load = await startClients(lab, 'h1', { perSecond: 5, classes });
    const long = await startExchanges(lab.host('h1').address, 20);
    const upgraded = await shop.upgrade('-h', lab.host('h1').address, '--strategy', 'handover', '--accept-unreachable', 'DB_HOST');
    const streams = await load.stop();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expectNothingLost(streams);
    expect((await long.ended).map(({ end }) => end)).toEqual(['well', 'well', 'well']);
    expect(await rulesLeft('h1')).toBe('');
  });
});
