import { describe, expect, it } from 'vitest';

import { rolesOf } from '../../../lab/kamal1.ts';
import { merge } from '../../../lab/project.ts';
import { topologyOf } from '../../../lab/topology.ts';

describe('topologyOf', () => {
  it('derives every name and address from the name and the subnet', () => {
    const lab = topologyOf({ name: 'demo', subnet: '10.77.0' });
    expect(lab).toMatchObject({ namespace: 'bkt-demo', interface: 'bkt-demo', gateway: '10.77.0.1' });
    expect(lab.hosts.map((host) => [host.name, host.address, host.namespace])).toEqual([
      ['h1', '10.77.0.11', 'bkt-demo-h1'],
      ['h2', '10.77.0.12', 'bkt-demo-h2'],
      ['h3', '10.77.0.13', 'bkt-demo-h3'],
    ]);
    expect(new Set(lab.hosts.map((host) => host.mac)).size).toBe(3);
    expect(lab.hosts[0]?.ipv6).toBe('fd62:10:77:0::11');
  });

  it('refuses what the kernel or the network would refuse later', () => {
    expect(() => topologyOf({ name: 'much-too-long', subnet: '10.77.0' })).toThrow("lab name 'much-too-long'");
    expect(() => topologyOf({ name: 'demo', subnet: '10.77' })).toThrow("lab subnet '10.77'");
    expect(() => topologyOf({ name: 'demo', subnet: '10.77.256' })).toThrow('expected three octets');
    expect(() => topologyOf({ name: 'demo', subnet: '10.77.0', hosts: 0 })).toThrow('lab with 0 hosts');
  });
});

describe('rolesOf', () => {
  it('puts the workers and Redis on the last host, web on the others, all on an only one', () => {
    const three = rolesOf(topologyOf({ name: 'a', subnet: '10.77.0' }));
    expect([three.web.map((host) => host.name), three.workers.name, three.redis.name]).toEqual([['h1', 'h2'], 'h3', 'h3']);
    const one = rolesOf(topologyOf({ name: 'a', subnet: '10.77.0', hosts: 1 }));
    expect([one.web.map((host) => host.name), one.workers.name]).toEqual([['h1'], 'h1']);
  });
});

describe('merge', () => {
  it('merges mappings key by key, replaces the rest, and takes away what is undefined', () => {
    const base = { servers: { web: { hosts: ['a', 'b'] } }, env: { clear: { PORT: '1' } }, builder: { arch: 'amd64' } };
    expect(merge(base, { servers: { web: { hosts: ['c'] } }, env: { clear: { MORE: 'x' } }, builder: undefined, proxy: { ssl: true } })).toEqual({
      servers: { web: { hosts: ['c'] } },
      env: { clear: { PORT: '1', MORE: 'x' } },
      proxy: { ssl: true },
    });
    expect(base.env.clear).toEqual({ PORT: '1' });
  });
});
