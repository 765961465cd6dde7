import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { createServer as createPlain, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../../activities/asking.ts';
import type { Asked } from '../../../src/plan/answers.ts';
import type { Question } from '../../../src/plan/questions.ts';
import { connect } from '../../../src/ssh/connect.ts';
import { World } from '../ssh/sshd.ts';
import { FakeConnection } from './fake-connection.ts';

describe('a question to a proxy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bactrian-asking-'));
  const servers: Server[] = [];
  let plain = 0;
  let secure = 0;
  let mute = 0;
  let heard: IncomingMessage | null = null;

  beforeAll(async () => {
    const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '9', '-subj', '/CN=x', '-addext', 'subjectAltName=DNS:shop.test', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      heard = request;
      if (request.url === '/away') response.writeHead(301, { location: 'https://shop.test/away?token=t' });
      else if (request.url === '/gone') response.writeHead(404).write('404 page not found\n');
      else if (request.url === '/long') response.write('x'.repeat(1_000_000));
      response.end();
    };
    plain = await listen(createServer(listener));
    secure = await listen(createSecure({ key: readFileSync(key), cert: readFileSync(certificate) }, listener));
    mute = await listen(createPlain((socket) => socket.destroy()));
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  const question = (more: Partial<Question>): Question => ({ name: 'q', scheme: 'http', port: 80, host: 'shop.test', path: '/', ...more });
  const put = (port: number, more: Partial<Question> = {}, connection = new FakeConnection(true)) => ask(connection, { address: '127.0.0.1', port }, question(more), '10.0.0.7');
  const app = (status: number, redirect: string | null = null): Asked => ({ status, redirect, from: 'app', certificate: null });

  describe.each([
    ['over the connection', true],
    ["with the host's curl, where sshd forwards nothing", false],
  ])('%s', (_, forwards) => {
    const through = new FakeConnection(forwards);
    it('is heard as a client would ask it', async () => {
      expect(await put(plain, { path: '/a?b=1' }, through)).toEqual(app(200));
      expect([heard?.url, heard?.headers.host]).toEqual(['/a?b=1', 'shop.test']);
      await put(plain, { host: null, port: 8080 }, through);
      expect(heard?.headers.host).toBe('10.0.0.7:8080');
    });
    it('tells where a redirect leads, and nothing that stands in it', async () => {
      expect(await put(plain, { path: '/away' }, through)).toEqual(app(301, 'https://shop.test'));
    });
    it('tells who spoke', async () => {
      expect(await put(plain, { path: '/gone' }, through)).toMatchObject({ status: 404, from: 'proxy' });
    });
    it('reads no more of an answer than it needs', async () => {
      expect(await put(plain, { path: '/long' }, through)).toEqual(app(200));
    });
    it('names the host in the handshake', async () => {
      expect(await put(secure, { scheme: 'https', port: 443 }, through)).toMatchObject({ status: 200 });
      expect(heard?.socket).toMatchObject({ servername: 'shop.test' });
    });
    it('gets no answer where there is none', async () => {
      expect(await put(mute, {}, through)).toHaveProperty('silent');
      expect(await put(plain, { scheme: 'https', port: 443 }, through)).toHaveProperty('silent');
    });
  });

  it('shows what a certificate is worth', async () => {
    const seen = async (host: string | null) => ((await put(secure, { scheme: 'https', port: 443, host })) as { certificate: object }).certificate;
    expect(await seen('shop.test')).toEqual({ named: true, current: true, trusted: false });
    expect(await seen('other.test')).toMatchObject({ named: false });
    expect(await seen(null)).toMatchObject({ named: true });
  });
  it('is not answered where nobody listens', async () => {
    const port = await listen(createPlain());
    servers.pop()?.close();
    expect(await put(port)).toEqual({ silent: 'nobody listens' });
  });
  it.each(['AllowTcpForwarding no', 'PermitOpen 127.0.0.1:1', ''])('reaches whoever listens, and nobody else, past an sshd with "%s"', async (line) => {
    const world = new World();
    try {
      world.key('id_ed25519', 'ed25519');
      const { port } = await world.sshd({ lines: [line] });
      const connection = await connect('127.0.0.1', world.settings({ port }));
      const closed = await listen(createPlain());
      servers.pop()?.close();
      const asked = (at: number) => ask(connection, { address: '127.0.0.1', port: at }, question({}), '10.0.0.7');
      expect(await asked(plain)).toEqual(app(200));
      expect(await asked(closed)).toHaveProperty('silent');
      connection.close();
    } finally {
      world.destroy();
    }
  });
  it('is given up where the host has no curl either', async () => {
    expect(await put(plain, {}, new FakeConnection(false, folder))).toBeNull();
  });
});
