import { mkdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pruneScript } from '../../../activities/script/prune.ts';
import { FAKE_DOCKER } from './fake-docker.ts';
import { LocalHost } from './local-host.ts';

it.each([
  ["goes where a role was behind it: it is Kamal's", true, false],
  ['stays where none is: nobody has looked whose it is', false, true],
])('a stopped container traefik %s', async (_, proxied, stays) => {
  const host = new LocalHost(FAKE_DOCKER);
  try {
    mkdirSync(host.path('docker/images'), { recursive: true });
    expect((await host.sh('docker create --name traefik traefik:v2.11')).code).toBe(0);
    const body = pruneScript({ proxied, letWarmGo: ':', shared: { before: '', after: '' }, tagLatest: null, leftovers: [], pruneContainers: { command: ':', audit: ':' }, pruneImages: { commands: [], audit: ':' } });
    const ran = await host.step(body);
    expect(ran.code, ran.output).toBe(0);
    expect((await host.sh('docker inspect traefik')).code === 0).toBe(stays);
  } finally {
    host.remove();
  }
});
