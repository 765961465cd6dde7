import { isHash, toS, type Hash } from '../ruby/value.ts';
import { roleConfig } from '../configuration/role.ts';
import type { Deployment } from '../deployment.ts';
import { badBindIps } from './sections.ts';

/** What loads in Kamal but is unlikely to be meant. */
export function warningsOf(d: Deployment): string[] {
  return [...ignoredServers(d), ...bindIps(d)];
}

/** Hosts that both generations of Kamal leave out. */
export function ignoredServers(d: { readonly raw: Hash; readonly allRoles: readonly { readonly name: string }[] }): string[] {
  return d.allRoles.flatMap(({ name }) => {
    const config = roleConfig(d.raw, name);
    const servers = isHash(config) ? config.get('hosts') : config;
    const ignored = (Array.isArray(servers) ? servers : []).filter((server) => typeof server !== 'string' && !isHash(server));
    return ignored.map((server) => `servers/${name}: ${toS(server)} is a number for YAML and is left out by Kamal; quote it`);
  });
}

function bindIps(d: Deployment): string[] {
  return [...d.allRoles, ...d.accessories].flatMap(({ name, proxy }) => (proxy?.run ? badBindIps(proxy.run.raw) : []).map((ip) => `${name}: proxy/run/bind_ips: ${ip} is no IP address; Docker will refuse it`));
}
