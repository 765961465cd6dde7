import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { join } from 'node:path';

import { labSources } from './paths.ts';
import { eventually, must } from './run.ts';
import type { Topology } from './topology.ts';

/** A certificate authority that proves by HTTP-01 who has a name, as Let's Encrypt does: pebble. */
export interface AcmeServer {
  /** Its directory, for clients on the lab's hosts. */
  directory: string;
  /** File with the certificate with which the server itself is trusted, PEM. */
  serverCertificate: string;
  /** File with the root that its certificates lead to, PEM. */
  authority: string;
}

/** The DNS server that the authority asks, and where names are told to it. */
const dnsPort = 8053;
const dnsTellPort = 8055;
const acmePort = 14000;
const rootsPort = 15000;

/** The address of the ACME server's directory, for clients on the lab's hosts. */
export function acmeDirectory(lab: Topology): string {
  return `https://${lab.gateway}:${acmePort}/dir`;
}

/**
 * Starts the ACME server in the lab's own network namespace, with a DNS server that knows these names, unless it runs.
 * @param folder for its configuration, keys and logs
 * @param names by address of the host that has them
 * @throws if one of them can't be built or does not answer
 */
export async function startAcmeServer(lab: Topology, folder: string, names: ReadonlyMap<string, readonly string[]>): Promise<AcmeServer> {
  await mkdir(folder, { recursive: true });
  const server: AcmeServer = {
    directory: acmeDirectory(lab),
    serverCertificate: join(folder, 'server.pem'),
    authority: join(folder, 'authority.pem'),
  };
  const key = join(folder, 'server-key.pem');
  if (!existsSync(server.serverCertificate)) {
    const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    await must('openssl', ['req', '-x509', ...elliptic, '-days', '365', '-subj', '/CN=pebble', '-addext', `subjectAltName=IP:${lab.gateway}`, '-keyout', key, '-out', server.serverCertificate]);
  }
  if (!(await answers(server, `https://${lab.gateway}:${rootsPort}/roots/0`))) {
    const none = ['-http01', '', '-https01', '', '-doh', '', '-tlsalpn01', '', '-defaultIPv4', '', '-defaultIPv6', ''];
    await start(lab, folder, 'pebble-challtestsrv', [...none, '-dnsserver', `${lab.gateway}:${dnsPort}`, '-management', `${lab.gateway}:${dnsTellPort}`]);
    const config = join(folder, 'pebble.json');
    await writeFile(config, JSON.stringify({ pebble: configuration(lab, server.serverCertificate, key) }));
    await start(lab, folder, 'pebble', ['-config', config, '-dnsserver', `${lab.gateway}:${dnsPort}`]);
    await eventually('the ACME server answers', 20_000, () => answers(server, server.directory));
  }
  for (const [address, theirs] of names) for (const name of theirs) await tell(lab, name, address);
  // It has another root each time that it starts.
  await writeFile(server.authority, await ask(server, `https://${lab.gateway}:${rootsPort}/roots/0`));
  return server;
}

function configuration(lab: Topology, certificate: string, privateKey: string): object {
  return {
    listenAddress: `${lab.gateway}:${acmePort}`,
    managementListenAddress: `${lab.gateway}:${rootsPort}`,
    certificate,
    privateKey,
    httpPort: 80,
    tlsPort: 443,
    retryAfter: { authz: 1, order: 1 },
    keyAlgorithm: 'ecdsa',
    profiles: { default: { description: 'three months', validityPeriod: 90 * 24 * 3600 } },
  };
}

async function start(lab: Topology, folder: string, program: string, args: string[]): Promise<void> {
  const binary = (await must(join(labSources, 'build-binary'), [program], { timeoutMs: 300_000 })).trim();
  const log = await open(join(folder, `${program}.log`), 'a');
  spawn('nsenter', [`--net=/run/netns/${lab.namespace}`, binary, ...args], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
  }).unref();
  await log.close();
}

async function tell(lab: Topology, host: string, address: string): Promise<void> {
  const told = await fetch(`http://${lab.gateway}:${dnsTellPort}/add-a`, { method: 'POST', body: JSON.stringify({ host, addresses: [address] }) });
  if (!told.ok) throw new Error(`the lab's DNS server did not take ${host}: HTTP ${told.status}`);
}

async function answers(server: AcmeServer, url: string): Promise<boolean> {
  return await ask(server, url).then(() => true, () => false);
}

async function ask(server: AcmeServer, url: string): Promise<string> {
  const agent = new Agent({ ca: await readFile(server.serverCertificate) });
  return await new Promise<string>((resolve, reject) => {
    // Without a name of the client, pebble refuses.
    get(url, { agent, headers: { 'user-agent': 'lab' }, signal: AbortSignal.timeout(2000) }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('end', () => (answer.statusCode === 200 ? resolve(body) : reject(new Error(`${url}: HTTP ${answer.statusCode}`))));
    }).on('error', reject);
  });
}
