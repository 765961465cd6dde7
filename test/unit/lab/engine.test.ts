import { describe, expect, it } from 'vitest';

import { ensureEngine } from '../../../lab/engine.ts';

describe('ensureEngine', () => {
  const engine = (spec: Parameters<typeof ensureEngine>[0]) => ensureEngine(spec, () => undefined);

  it("leaves a host Debian's own programs, unless another engine is asked for", async () => {
    expect(await engine({})).toEqual({ programs: {}, configuration: {}, options: ['--storage-driver', 'overlay2'], legacyFirewall: false });
  });

  it('says in the daemon’s configuration how ports are published', async () => {
    expect((await engine({ userlandProxy: false })).configuration).toEqual({ 'userland-proxy': false });
    expect(await engine({ firewall: 'iptables-legacy' })).toMatchObject({ configuration: {}, legacyFirewall: true });
  });

  it("refuses nftables with Debian's engine, which would start without it", async () => {
    await expect(engine({ firewall: 'nftables' })).rejects.toThrow("expected engine 'current'");
  });
});
