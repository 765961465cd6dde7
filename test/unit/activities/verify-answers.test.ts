import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MASK } from '../../../activities/scrub.ts';
import { verifyAnswers } from '../../../activities/verify-answers.ts';
import type { KnownAnswer } from '../../../src/plan/answers.ts';
import { app, deployment, host, PROXY } from '../plan/fleet.ts';
import { FakeConnection } from './fake-connection.ts';

const HERE = '127.0.0.1';

describe('the published proxy', () => {
  let server: Server;
  let port = 0;
  beforeAll(async () => {
    server = createServer((request, response) => response.writeHead(request.url === '/sick' ? 503 : 200).end()).listen(0, HERE);
    await once(server, 'listening');
    const address = server.address();
    port = typeof address === 'object' && address ? address.port : 0;
  });
  afterAll(() => void server.close());

  const known = (path: string): KnownAnswer => ({
    question: { name: `http by ip ${path}`, scheme: 'http', port, host: null, path },
    before: { status: 200, redirect: null, from: 'app', certificate: null },
  });
  const verify = async (proxy: string, answers: KnownAnswer[]) => {
    const facts = host(HERE, [app('web', { networks: ['kamal'] }), { ...PROXY, ports: { '80/tcp': [{ HostPort: String(port) }] } }]);
    return await verifyAnswers(new FakeConnection(true), deployment(`servers: [ ${HERE} ]\nproxy: ${proxy}`).deployment, facts, answers);
  };

  it('answers for each name, and as the old one did', async () => {
    const { notes, wrong } = await verify('{ hosts: [ a.example, b.example ] }', [known('/'), known('/up')]);
    expect(wrong).toEqual([]);
    expect(notes).toEqual(expect.arrayContaining([`http://a.example:${port}/up answers 200`, `http://b.example:${port}/up answers 200`, '2 kinds of request are answered as Traefik answered them']));
  });
  it('is told for what it answers worse, and for its health', async () => {
    const { wrong } = await verify('{ healthcheck: { path: /sick } }', [known('/sick'), known('/')]);
    expect(wrong.sort()).toEqual([`http by ip /sick: 200 before, 503 now`, `http://${HERE}:${port}/sick answers 503`]);
  });
  it('is not measured by a question in which something was masked', async () => {
    const { notes, wrong } = await verify('{ app_port: 3000 }', [known(`/sick${MASK}`), { ...known('/sick'), question: { ...known('/sick').question, name: MASK } }]);
    expect(wrong).toEqual([]);
    expect(notes.join()).not.toContain('kinds of request');
  });
});
