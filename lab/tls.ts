import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { join as shellJoin } from 'shlex';

import { acmeDirectory, startAcmeServer } from './acme.ts';
import type { AcmeServer } from './acme.ts';
import { bootWeb, rolesOf, runTraefik } from './kamal1.ts';
import type { Lab } from './lab.ts';
import type { Changes } from './project.ts';
import { eventually } from './run.ts';
import type { HostPlace } from './topology.ts';

/** The snapshot with the state that {@link serveTls} makes. */
export const tlsState = 'kamal1-tls';

/** How Traefik on a web host gets certificates. */
export interface TlsHost {
  host: HostPlace;
  /** In one certificate, for which HTTPS is answered; plain HTTP leads there. */
  names: string[];
  /** The last web host has the kind that Traefik takes where nobody says which; the others one that is told it. */
  key: 'EC256' | 'RSA4096';
  /** How the file with the certificates outlives Traefik's container: as a file of the host, or in a volume. */
  volume: string;
}

export function tlsHosts(lab: Lab): TlsHost[] {
  const { web } = rolesOf(lab.topology);
  return web.map((host, index) => ({
    host,
    names: [`${host.name}.shop.test`, `www.${host.name}.shop.test`],
    ...(index > 0 && index === web.length - 1 ? { key: 'RSA4096', volume: 'letsencrypt:/letsencrypt' } : { key: 'EC256', volume: '/root/letsencrypt/acme.json:/letsencrypt/acme.json' }),
  }));
}

/**
 * Makes of a lab in the state `kamal1` one whose web hosts serve HTTPS with certificates that Traefik got by itself, as many
 * did with Kamal 1, and keeps it as a snapshot; again: restores that.
 * @returns file with the root that the certificates lead to, PEM
 * @throws if Traefik gets no certificates
 */
export async function serveTls(lab: Lab): Promise<string> {
  const folder = join(lab.folder, 'acme');
  const authority = join(folder, 'authority.pem');
  if (existsSync(join(lab.folder, 'snapshots', tlsState))) {
    await lab.restore(tlsState);
    await awaitServed(lab, authority);
    return authority;
  }
  const hosts = tlsHosts(lab);
  const server = await startAcmeServer(lab.topology, folder, new Map(hosts.map(({ host, names }) => [host.address, names])));
  const trusted = await readFile(server.serverCertificate, 'utf8');
  await Promise.all(
    hosts.map(async (each) => {
      const ended = await lab.exec(each.host.name, ['set -e', ...commands(lab, each, server)].join('\n'), { input: trusted });
      if (ended.code !== 0) throw new Error(`HTTPS on ${each.host.name}: ended with ${ended.code}: ${ended.stderr.trim()}`);
      for (const name of each.names) await eventually(`${name} is served with a certificate`, 60_000, async () => (await servedCertificate(each.host.address, name, authority)) !== '');
    }),
  );
  await lab.snapshot(tlsState);
  await awaitServed(lab, authority);
  return authority;
}

/** Traefik takes a moment to find what it routes to. */
async function awaitServed(lab: Lab, authority: string): Promise<void> {
  const agentFor = async (address: string) => new Agent({ ca: await readFile(authority), lookup: (_name, { all }, found) => (all ? found(null, [{ address, family: 4 }]) : found(null, address, 4)) });
  await Promise.all(
    tlsHosts(lab).map(async ({ host, names }) => {
      const agent = await agentFor(host.address);
      const status = () =>
        new Promise<number>((resolve, reject) => {
          get(`https://${names[0]}/`, { agent, signal: AbortSignal.timeout(2000) }, (answer) => resolve(answer.resume().statusCode ?? 0)).on('error', reject);
        });
      await eventually(`${host.name} serves the app over TLS`, 30_000, async () => (await status()) === 200);
    }),
  );
}

/** Traefik's arguments and mounts, and the labels of the app, as `traefik:` and `labels:` of a Kamal 1 configuration have them. */
function settings({ names, key, volume }: TlsHost, directory: string) {
  const resolver = 'certificatesResolvers.letsencrypt.acme';
  return {
    options: { publish: ['443:443'], volume: [volume, '/root/pebble.pem:/pebble.pem'], env: 'LEGO_CA_CERTIFICATES=/pebble.pem' },
    args: {
      'entryPoints.https.address': ':443',
      'entryPoints.http.http.redirections.entryPoint.to': 'https',
      'entryPoints.http.http.redirections.entryPoint.scheme': 'https',
      [`${resolver}.email`]: 'owner@shop.test',
      [`${resolver}.storage`]: '/letsencrypt/acme.json',
      [`${resolver}.httpChallenge`]: true,
      [`${resolver}.httpChallenge.entryPoint`]: 'http',
      [`${resolver}.caServer`]: directory,
      ...(key === 'RSA4096' ? {} : { [`${resolver}.keyType`]: key }),
    },
    labels: {
      'traefik.http.routers.labapp-web.rule': names.map((name) => `Host(\`${name}\`)`).join(' || '),
      'traefik.http.routers.labapp-web.entrypoints': 'https',
      'traefik.http.routers.labapp-web.tls.certresolver': 'letsencrypt',
    },
  };
}

/** Changes that make of a lab's Kamal 1 configuration one for that host alone, with the certificates that {@link serveTls} has it get. */
export function kamal1Tls(lab: Lab, tls: TlsHost): Changes {
  const { options, args, labels } = settings(tls, acmeDirectory(lab.topology));
  return { servers: { web: { hosts: [tls.host.address], labels } }, traefik: { options, args } };
}

/** What a reboot of Traefik and of the app does after such a change of the configuration. */
function commands(lab: Lab, tls: TlsHost, { directory }: AcmeServer): string[] {
  const { host } = tls;
  const { options, args, labels: routing } = settings(tls, directory);
  const traefik = runTraefik({
    options: [...options.publish.flatMap((port) => ['--publish', port]), ...options.volume.flatMap((volume) => ['--volume', volume]), '--env', options.env],
    args: Object.entries(args).map(([name, value]) => `--${name}=${value}`),
  });
  return [
    'cat > pebble.pem; mkdir -p letsencrypt; touch letsencrypt/acme.json; chmod 600 letsencrypt/acme.json',
    'docker rm -f traefik labapp-web-v1 > /dev/null; rm -rf .kamal/cords/labapp-web-*',
    shellJoin(traefik),
    ...bootWeb(lab.topology, host, routing).map((command) => `( ${command} )`),
  ];
}

/**
 * @param authority file with the root that it must lead to, PEM
 * @returns the serial number of the certificate with which a host answers for a name
 * @throws if there is none that is valid
 */
export async function servedCertificate(address: string, name: string, authority: string): Promise<string> {
  const ca = await readFile(authority);
  return await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: address, port: 443, servername: name, ca, timeout: 5000 }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('timeout', () => socket.destroy(new Error(`${name}: nothing within 5 s`)));
  });
}
