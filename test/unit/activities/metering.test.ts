import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientRequest } from '../../../activities/ask-as-client.ts';
import { Metering } from '../../../activities/metering.ts';
import { SshError } from '../../../src/ssh/error.ts';
import type { SshConnection } from '../../../src/ssh/types.ts';
import type { MeterReading } from '../../../workflows/types.ts';

let server: Server;
let status: number;
let asked: { host: string | undefined; url: string | undefined }[];
let port: number;

beforeEach(async () => {
  status = 200;
  asked = [];
  server = createServer((request, answer) => {
    asked.push({ host: request.headers.host, url: request.url });
    answer.writeHead(status).end('up');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  server.closeAllConnections();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
});

/** As a client elsewhere asks: not at a loopback address, which the meter asks over SSH. */
const here = (): ClientRequest => ({ tls: false, address: '0.0.0.0', port, name: 'shop.example', path: '/up' });
const noSsh = (): Promise<never> => Promise.reject(new SshError('unreachable', 'h', 'h is away', 'wait'));

/** A connection to this machine itself. */
class FakeConnection implements SshConnection {
  readonly host = 'h';
  readonly closed = false;

  async forwardOut(host: string, to: number): Promise<Duplex> {
    const socket = connect(to, host);
    await once(socket, 'connect');
    return socket;
  }

  exec(): Promise<never> {
    throw new Error('a meter runs nothing');
  }

  close(): void {}
}

/** Runs a meter in an activity, and ends it as the workflow does. */
function metering(requests: ClientRequest[], seconds: number | null, before?: object, connected: () => Promise<SshConnection> = noSsh) {
  const env = new MockActivityEnvironment(before ? { heartbeatDetails: before } : {});
  const beats: unknown[] = [];
  env.on('heartbeat', (beat) => beats.push(beat));
  const reading = env.run(() => new Metering(requests, { host: 'h', from: 'worker', seconds }, connected).run()) as Promise<MeterReading>;
  return { reading, beats, stop: () => env.cancel() };
}

describe('a meter', () => {
  it('asks as a client of the site five times a second, until it is told to end', async () => {
    const { reading, stop } = metering([here()], null);
    await sleep(1100);
    stop();
    const { sent, ...rest } = await reading;
    expect(rest).toEqual({ from: 'worker', url: `http://shop.example:${port}/up`, lost: 0, longestGapMs: 0, unwatchedMs: 0, why: null });
    expect(sent).toBeGreaterThanOrEqual(4);
    expect(sent).toBeLessThanOrEqual(7);
    expect(asked[0]).toEqual({ host: `shop.example:${port}`, url: '/up' });
  });

  it('counts what nothing answers and what no app answers, and for how long', async () => {
    const { reading, stop } = metering([here()], null);
    await sleep(500);
    status = 502;
    await sleep(300);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await sleep(400);
    status = 200;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    await sleep(500);
    stop();
    const { sent, lost, longestGapMs } = await reading;
    expect(lost).toBeGreaterThanOrEqual(2);
    expect(lost).toBeLessThan(sent);
    expect(longestGapMs).toBeGreaterThanOrEqual(400);
    expect(longestGapMs).toBeLessThan(1600);
  });

  it('ends by itself when its time is over', async () => {
    const { reading } = metering([here()], 1);
    expect((await reading).sent).toBeGreaterThanOrEqual(3);
  });

  it('goes on counting where an attempt before it died, and says how long nobody watched', async () => {
    const now = Date.now();
    const { reading, beats, stop } = metering([here()], null, { sent: 100, lost: 7, longestGapMs: 900, unwatchedMs: 0, startedAt: now - 60_000, at: now - 12_000 });
    await sleep(500);
    stop();
    const { sent, lost, longestGapMs, unwatchedMs } = await reading;
    expect(sent).toBeGreaterThan(100);
    expect({ lost, longestGapMs }).toEqual({ lost: 7, longestGapMs: 900 });
    expect(unwatchedMs).toBeGreaterThanOrEqual(12_000);
    expect(beats[0]).toMatchObject({ sent: 100, startedAt: now - 60_000 });
  });

  it('begins once the site answers, and says why it did not where it never does', async () => {
    status = 404;
    const never = metering([here()], null);
    await sleep(300);
    never.stop();
    expect(await never.reading).toMatchObject({ from: null, sent: 0, why: expect.stringContaining('h is away') });
    const later = metering([here()], null);
    await sleep(300);
    status = 200;
    await sleep(1600);
    later.stop();
    expect(await later.reading).toMatchObject({ from: 'worker', lost: 0, why: null });
  });

  it('asks over the host where the port is out of reach, and what that connection loses is not the site\'s loss', async () => {
    let cut = false;
    const { reading, stop } = metering([{ ...here(), address: '127.0.0.1' }], null, undefined, async () => {
      if (cut) throw new SshError('lost', 'h', 'the connection to h was lost', 'wait');
      return new FakeConnection();
    });
    await sleep(700);
    cut = true;
    await sleep(500);
    cut = false;
    await sleep(400);
    stop();
    const { from, lost, sent, unwatchedMs } = await reading;
    expect({ from, lost }).toEqual({ from: 'host', lost: 0 });
    expect(sent).toBeGreaterThanOrEqual(2);
    expect(unwatchedMs).toBeGreaterThanOrEqual(200);
  });

  it('speaks TLS with the name that is asked for, and looks at no certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bactrian-metering-'));
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '9', '-subj', '/CN=x', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const named = new Set<string>();
    const secure = createSecure({ key: readFileSync(key), cert: readFileSync(cert), SNICallback: (name, use) => (named.add(name), use(null)) }, (_, answer) => answer.end('up')).listen(0);
    try {
      await once(secure, 'listening');
      const { reading, stop } = metering([{ ...here(), tls: true, port: (secure.address() as AddressInfo).port }, here()], null);
      await sleep(700);
      stop();
      expect(await reading).toMatchObject({ lost: 0, url: expect.stringMatching(/^https:\/\/shop\.example:/) });
      expect([...named]).toEqual(['shop.example']);
      expect(asked).toEqual([]);
    } finally {
      secure.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('takes the first way on which the site answers', async () => {
    const { reading, stop } = metering([{ ...here(), tls: true }, here()], null);
    await sleep(500);
    stop();
    expect((await reading).url).toBe(`http://shop.example:${port}/up`);
  });
});
