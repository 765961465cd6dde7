import { join as shellJoin } from 'shlex';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { clientClasses, removeClients, startClients, type ClientClass } from '../../lab/clients.ts';
import { runTraefik } from '../../lab/kamal1.ts';
import type { Changes } from '../../lab/project.ts';
import { eventually } from '../../lab/run.ts';
import { dropInput, expectNothingLost, rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import { lab } from './the-lab.ts';

const { address } = lab.host('h1');

interface Case {
  /** Where Traefik and kamal-proxy listen. */
  port: number;
  changes: Changes;
  /** Of Traefik's container. */
  publish: string[];
  classes: readonly ClientClass[];
  /** What kamal-proxy publishes in the end. */
  ports: Record<string, { HostIp: string; HostPort: string }[]>;
}

const cases: [string, Case][] = [
  [
    'http_port and https_port of all hosts',
    {
      port: 8080,
      changes: { proxy: { run: { http_port: 8080, https_port: 8444 } } },
      publish: ['8080:80'],
      classes: clientClasses,
      ports: { '80/tcp': [{ HostIp: '', HostPort: '8080' }], '443/tcp': [{ HostIp: '', HostPort: '8444' }] },
    },
  ],
  [
    "a port and two addresses that a role has its hosts' proxies bound to",
    {
      port: 8081,
      changes: { servers: { web: { hosts: [address], proxy: { run: { http_port: 8081, https_port: 8444, bind_ips: [address, '127.0.0.1'] } } } } },
      publish: [`${address}:8081:80`, '127.0.0.1:8081:80'],
      classes: ['outside, IPv4', 'the host, its own address', 'the host, 127.0.0.1', 'container on the default bridge'],
      ports: {
        '80/tcp': [{ HostIp: address, HostPort: '8081' }, { HostIp: '127.0.0.1', HostPort: '8081' }],
        '443/tcp': [{ HostIp: address, HostPort: '8444' }, { HostIp: '127.0.0.1', HostPort: '8444' }],
      },
    },
  ],
];

describe('a handover on other ports than 80 and 443, under load from each class of client', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('ports');
  });
  beforeEach(() => lab.restore());
  afterEach(() => removeClients(lab, 'h1'));
  afterAll(() => shop.close());

  it.each(cases)('%s', async (_, { port, changes, publish, classes, ports }) => {
    await publishTraefik(publish, port);
    await dropInput('h1', { ports: [port] });
    await shop.configure({ changes: { drain_timeout: 6, ...changes } });
    const load = await startClients(lab, 'h1', { perSecond: 4, port, classes });
    const upgraded = await shop.upgrade('-h', address, '--strategy', 'handover');
    const streams = await load.stop();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expect(streams).toHaveLength(2 * classes.length);
    expectNothingLost(streams);
    expect(await rulesLeft('h1')).toBe('');
    const proxy = (await lab.inspect('h1')).containers.find(({ name }) => name === 'kamal-proxy');
    expect(proxy?.ports).toEqual(ports);
  });

  /** As it would be with other ports in Kamal 1's configuration. */
  async function publishTraefik(publish: readonly string[], port: number): Promise<void> {
    const words = runTraefik({ options: publish.flatMap((each) => ['--publish', each]), args: [] });
    const usual = words.indexOf('80:80');
    const ended = await lab.exec('h1', `docker rm -f traefik && ${shellJoin(words.toSpliced(usual - 1, 2))}`);
    expect(ended.code, ended.stderr).toBe(0);
    await eventually('Traefik serves the app there', 30_000, async () => (await fetch(`http://${address}:${port}/`)).ok);
  }
});
