import { rolesOf } from '../../lab/kamal1.ts';
import type { Lab } from '../../lab/lab.ts';
import type { LoadPlan } from '../../lab/load.ts';
import type { Changes } from '../../lab/project.ts';
import { tlsHosts } from '../../lab/tls.ts';
import type { Row } from './rows.ts';

/** What is upgraded, and how its clients reach it. */
export interface Site {
  /** Names of the hosts. */
  fleet: string[];
  /** Where the app is reached on each web host, and what a client has to know for it. */
  web: { name: string; url: string; address?: string; authority?: string }[];
  /** Over the lab's own `config/deploy.yml`. */
  changes: Changes;
  /** Of `bactrian upgrade`. */
  options: string[];
}

/** As Kamal 1 left it: plain HTTP on all web hosts. */
export function httpSite(lab: Lab): Site {
  return {
    fleet: lab.hosts.map(({ name }) => name),
    web: rolesOf(lab.topology).web.map(({ name, address }) => ({ name, url: `http://${address}` })),
    changes: {},
    options: [],
  };
}

/**
 * One web host that serves HTTPS: Kamal allows automatic TLS to roles with one host only.
 * @param authority file with the root of its certificates, PEM
 * @throws if the lab has no web host
 */
export function httpsSite(lab: Lab, authority: string): Site {
  const [first] = tlsHosts(lab);
  if (first === undefined) throw new Error('the lab has no web host that serves HTTPS');
  const { host, names } = first;
  return {
    fleet: [host.name, rolesOf(lab.topology).redis.name],
    web: [{ name: host.name, url: `https://${names[0]}`, address: host.address, authority }],
    changes: { servers: { web: { hosts: [host.address] } }, proxy: { ssl: true, hosts: names } },
    // Traefik sends whoever asks for anything over HTTP to HTTPS; kamal-proxy knows its own names only.
    options: ['--accept-answers', ['by ip', 'unknown host'].flatMap((who) => [`http ${who} /up`, `http ${who} /`]).join(',')],
  };
}

/** New connections at the full rate; kept-alive ones at a fifth of it, and the page that needs Redis at a tenth. */
export function loadFor({ web }: Site, { perSecond, kept }: Row): LoadPlan {
  return {
    maxSeconds: 900,
    // What is held while an accessory reboots is answered late, and not lost; a browser waits longer than that.
    timeoutSeconds: 30,
    streams: web.flatMap(({ name, url, ...how }) => [
      { ...how, name: `${name} new`, url: `${url}/`, perSecond, expect: 'labapp ' },
      ...(kept ? [{ ...how, name: `${name} kept`, url: `${url}/`, perSecond: perSecond / 5, expect: 'labapp ', keepAlive: true }] : []),
      { ...how, name: `${name} accessory`, url: `${url}/redis`, perSecond: perSecond / 10, expect: 'redis ok ' },
    ]),
  };
}
