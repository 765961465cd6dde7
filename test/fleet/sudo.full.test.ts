import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startClients } from '../../lab/clients.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { dropInput, expectNothingLost, rulesLeft } from './handover.ts';
import { giveLogin, LOGIN } from './login.ts';
import { Shop } from './shop.ts';
import { lab } from './the-lab.ts';

describe('a user who is not root logs in', () => {
  let shop: Shop;
  let upgraded: Awaited<ReturnType<Shop['upgrade']>>;
  let streams: StreamSummary[];

  beforeAll(async () => {
    await lab.restore();
    await giveLogin('h1', { sudo: true });
    await giveLogin('h2', { sudo: false });
    await dropInput('h1');
    shop = await Shop.open('sudo', { changes: { drain_timeout: 6, ssh: { user: LOGIN } } });
    const load = await startClients(lab, 'h1', { perSecond: 4 });
    upgraded = await shop.upgrade('-h', ['h1', 'h2'].map((host) => lab.host(host).address).join(','));
    streams = await load.stop();
  });
  // Whoever is a user of containers there goes with the host's next restoration.
  afterAll(() => shop.close());

  it('with sudo -n: handed over, and no request is lost', async () => {
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expect(upgraded.stderr).toMatch(new RegExp(`${lab.host('h1').address}[^]*handover: new connections are steered`));
    expectNothingLost(streams);
    expect(await rulesLeft('h1')).toBe('');
  });

  it('without: swapped, and the plan says why', async () => {
    expect(upgraded.stderr).toContain('no handover: no root and no sudo -n');
    expect((await lab.inspect('h2')).containers.map(({ name }) => name)).toContain('kamal-proxy');
    expect(await rulesLeft('h2')).toBe('');
  });

  it('leaves its folder to that user alone', async () => {
    for (const host of ['h1', 'h2']) {
      const { stdout } = await lab.exec(host, `stat -c '%a %U' /home/${LOGIN}/.kamal/bactrian; find /home/${LOGIN} ! -user ${LOGIN}; ls /home/${LOGIN}/.kamal/bactrian/*/*.sh 2> /dev/null`);
      expect(stdout.trim(), host).toBe(`700 ${LOGIN}`);
    }
  });
});
