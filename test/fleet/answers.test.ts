import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadOn, startLoad } from '../../lab/load.ts';
import { Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks } from './the-lab.ts';

const PROBE = 'http://lb.example/redis';
const h1 = lab.host('h1').address;

describe('what the old proxy answers and the new one does not', () => {
  let shop: Shop;
  const ofH1 = () => {
    const plan = loadOn(lab, 20);
    return { ...plan, streams: plan.streams.filter(({ name }) => name === 'h1 /') };
  };
  beforeAll(async () => {
    await lab.restore();
    // A name that a variable has, too, is still a name to be accepted by.
    // Nothing of the configuration tells that this page will be missed: only asking both proxies does.
    shop = await Shop.open('answers', { changes: { env: { clear: { DB_HOST: `${lab.topology.subnet}.99`, CHECKED_AT: PROBE } } } });
  });
  afterAll(() => shop.close());

  it('stops the run before the cutover, named, with nothing lost', async () => {
    const before = await listFleet();
    const load = await startLoad(ofH1());
    const ended = await shop.upgrade('-h', h1, '--probe-url', PROBE);
    const [front] = await load.stop();

    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.result?.failure).toMatchObject({ type: 'AnswersDiffer' });
    expect(ended.result?.failure?.message).toContain(`'probe ${PROBE}': Traefik answers 200, kamal-proxy 503`);
    expect(ended.result?.failure?.hint).toContain(`--accept-answers 'probe ${PROBE}'`);
    expect(ended.result?.hosts.map(({ outcome }) => outcome)).toEqual(['put back']);
    expect(front).toMatchObject({ lost: 0, good: front?.sent });
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    expect(await locks()).toEqual([]);
  });

  it('goes on where it was accepted by its name, and asks the published proxy all the rest again', async () => {
    const ended = await shop.upgrade('-h', h1, '--probe-url', PROBE, '--accept-answers', `probe ${PROBE}`);
    expect(ended.code, ended.stderr).toBe(0);
    const notes = (step: string) => ended.result?.hosts[0]?.steps.find(({ name }) => name === step)?.notes.join('\n');
    expect(notes('compare answers')).toContain(`accepted: probe ${PROBE}: 200, then 503`);
    expect(notes('verify')).toMatch(/\d kinds of request are answered as Traefik answered them/);
  });
});
