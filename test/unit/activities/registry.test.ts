import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createPlain, type Server } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { askRegistry, type RegistryWish } from '../../../activities/registry.ts';
import { FakeConnection } from './fake-connection.ts';

const CREDENTIALS = { username: 'kamal', password: 'pa:ss' };
const RIGHT = `Basic ${Buffer.from('kamal:pa:ss').toString('base64')}`;
const servers: Server[] = [];

afterAll(() => {
  for (const server of servers) server.close();
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

/** A registry that knows one image, and what it was sent. */
async function registry(challenge: (at: string) => string, admits: (request: IncomingMessage) => boolean): Promise<{ at: string; heard: (string | undefined)[] }> {
  const heard: (string | undefined)[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    heard.push(request.headers.authorization);
    if (request.url?.startsWith('/token')) response.end(JSON.stringify({ token: `for ${new URL(request.url, 'http://x').searchParams.get('scope')}` }));
    else if (!admits(request)) response.writeHead(401, { 'www-authenticate': challenge(at) }).end();
    else response.writeHead(request.url === '/v2/' || request.url === '/v2/a/proxy/manifests/v1' ? 200 : 404).end();
  });
  const at = await listen(server);
  return { at, heard };
}

const put = (server: string, wish: Partial<RegistryWish> = {}, connection = new FakeConnection(true)) => askRegistry(connection, { server, insecure: true, credentials: CREDENTIALS, image: null, ...wish });

describe('a registry that is asked over a connection', () => {
  it('takes the right password, and says so of a wrong one', async () => {
    const { at, heard } = await registry(() => 'Basic realm="r"', (request) => request.headers.authorization === RIGHT);
    expect(await put(at)).toEqual({ outcome: 'open', why: 'the login works' });
    // Unasked it isn't told the password.
    expect(heard).toEqual([undefined, RIGHT]);
    expect(await put(at, { credentials: { username: 'kamal', password: 'wrong' } })).toEqual({ outcome: 'refused', why: 'user name or password are refused' });
    expect(await put(at, { credentials: null })).toMatchObject({ outcome: 'refused' });
  });

  it('is asked for an image, with a token where it wants one', async () => {
    const image = { repository: 'a/proxy', tag: 'v1' };
    const { at } = await registry((here) => `Bearer realm="http://${here}/token",service="s",scope="repository:a/proxy:pull"`, (request) => request.headers.authorization === 'Bearer for repository:a/proxy:pull');
    expect(await put(at, { image, credentials: null })).toEqual({ outcome: 'open', why: 'it is there' });
    expect(await put(at, { image: { ...image, tag: 'v2' }, credentials: null })).toEqual({ outcome: 'refused', why: 'there is no such image' });
  });

  it('does not get the password sent elsewhere unencrypted', async () => {
    const { at, heard } = await registry((here) => `Bearer realm="http://${here}/token",service="s"`, () => false);
    expect(await put(at)).toMatchObject({ outcome: 'unknown', why: expect.stringContaining('unencrypted') as string });
    expect(heard).toEqual([undefined]);
  });

  it('is asked in plain only where Docker would do that', async () => {
    const { at, heard } = await registry(() => 'Basic realm="r"', () => true);
    expect(await put(at, { insecure: false })).toMatchObject({ outcome: 'unknown' });
    expect(heard).toEqual([]);
  });

  it('that nobody reaches is a refusal; one that closes, or a host that forwards nothing, tells nothing', async () => {
    const closed = createPlain();
    const at = await listen(closed);
    closed.close();
    expect(await put(at, { insecure: false })).toEqual({ outcome: 'refused', why: `the host can't reach ${at}` });
    expect(await put(await listen(createPlain((socket) => socket.destroy())), { insecure: false })).toMatchObject({ outcome: 'unknown' });
    expect(await put(at, {}, new FakeConnection(false))).toMatchObject({ outcome: 'unknown', why: expect.stringContaining('sshd forwards nothing') as string });
  });
});
