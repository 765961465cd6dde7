import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eventually } from '../../lab/run.ts';
import { Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks } from './the-lab.ts';
import type { Fleet } from './the-lab.ts';

const labapp = `${lab.topology.gateway}:5000/labapp:v1`;

describe('what shows itself only while a host is prepared changes nothing that serves', () => {
  let shop: Shop;
  let before: Fleet;
  beforeAll(async () => {
    shop = await Shop.open('before-serving');
  });
  beforeEach(async () => {
    await lab.restore();
    before = await listFleet();
  });
  afterAll(() => shop.close());

  it('the registry refuses the login', async () => {
    await writeFile(join(shop.dir, '.kamal/secrets'), 'KAMAL_REGISTRY_PASSWORD=wrong-password-1\nREDIS_PASSWORD=y\nAPP_SECRET=z\n');
    await expectPutBack('RegistryRefused');
    await shop.configure();
  });

  it("the running version's tag is another image by now", async () => {
    expect(await lab.exec('h3', `docker tag redis:7.0 ${labapp}`)).toMatchObject({ code: 0 });
    before = await listFleet();
    await expectPutBack('ImageMissing');
  });

  it('the image that runs is gone from the host', async () => {
    const id = before['h2']?.containers.find(({ name }) => name === 'labapp-web-v1')?.imageId.replace('sha256:', '') ?? '';
    await lab.powerOff('h2');
    const images = join(lab.folder, 'hosts/h2/docker/image/overlay2/imagedb/content/sha256');
    expect(await readdir(images)).toContain(id);
    await rm(join(images, id));
    await lab.powerOn('h2');
    await eventually('the app is healthy', 20_000, async () => {
      before = await listFleet();
      return before['h2']?.containers.every(({ health }) => health !== 'starting') === true;
    });
    const ended = await shop.upgrade();
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toMatch(new RegExp(`${lab.host('h2').address}.*image that role web runs is gone`));
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
  });

  async function expectPutBack(type: string): Promise<void> {
    const ended = await shop.upgrade();
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.result?.failure).toMatchObject({ type });
    expect(ended.result?.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back', 'put back']);
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    expect(await locks()).toEqual([]);
  }
});
