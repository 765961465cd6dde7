import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptOption, answersHint, differenceOf, notAccepted, type Answer, type Asked, type KnownAnswer } from '../../../src/plan/answers.ts';
import { predictedDifferences } from '../../../src/plan/predicted-answers.ts';
import { probeQuestion, questionsAbout, type Question } from '../../../src/plan/questions.ts';
import { isProxys, redirectOf } from '../../../src/plan/read-answer.ts';
import { routedNames } from '../../../src/plan/traefik-rules.ts';
import { deployment } from './fleet.ts';

const question = (name: string, host: string | null, path: string, scheme: 'http' | 'https' = 'http', port = scheme === 'http' ? 80 : 443): Question => ({ name, scheme, port, host, path });
const app = (status: number, more: Partial<Answer> = {}): Answer => ({ status, redirect: null, from: 'app', certificate: null, ...more });
const UP = question('http by ip /up', null, '/up');

describe("what Traefik's rules ask for", () => {
  const rule = (text: string) => routedNames([{ 'traefik.http.routers.shop.rule': text }]);
  it.each([
    ['Host(`shop.example`)', ['shop.example'], []],
    ['Host(`Shop.example`, `www.shop.example`) && PathPrefix(`/api`)', ['shop.example', 'www.shop.example'], ['/api']],
    ['(Host("a.example") || HostHeader(`b.example`)) && Path(`/x`)', ['a.example', 'b.example'], ['/x']],
    ['HostRegexp(`{sub:[a-z]+}.example`)', [], []],
    ['PathPrefix(`/`)', [], ['/']],
    ['Host(`{a}`)', [], []],
    ['Host(`a.example`', [], []],
  ])('%s', (text, hosts, paths) => {
    expect(rule(text)).toEqual({ hosts, paths });
  });
  it('only routers count', () => {
    expect(routedNames([{ 'traefik.tcp.routers.x.rule': 'HostSNI(`a`)', 'note': 'Host(`b`)' }])).toEqual({ hosts: [], paths: [] });
  });
  it('any text as a rule gives names and paths that can be asked for', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { hosts, paths } = rule(text);
        expect([...hosts.filter((host) => !URL.canParse(`http://${host}/`)), ...paths.filter((path) => /[\s\r\n]/.test(path))]).toEqual([]);
      }),
    );
  });
});

describe('what is asked', () => {
  it('by address, by each name, by none that anybody has, on each port, in plain and over TLS', () => {
    const names = questionsAbout({ ports: [80, 8443], hosts: ['shop.example', '*.shop.example'], paths: ['/up'], labels: [{ 'traefik.http.routers.shop.rule': 'Host(`old.example`)' }], probes: [] }).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['http by ip /up', 'http by ip /', 'http shop.example /up', 'http old.example /', 'http unknown host /up', 'https:8443 shop.example /', 'http:8443 by ip /up']));
    expect(names).toHaveLength(3 * 4 * 2);
    expect(new Set(names).size).toBe(names.length);
  });
  it('on 80 and 443 what is meant for them: plain HTTP on 443 is nobody\'s, though Traefik answers it', () => {
    const schemes = questionsAbout({ ports: [80, 443], hosts: [], paths: ['/'], labels: [], probes: [] }).map(({ scheme, port }) => `${scheme} ${port}`);
    expect([...new Set(schemes)]).toEqual(['http 80', 'https 443']);
  });
  it("a load balancer's check", () => {
    expect(probeQuestion('https://lb.example:8443/check?a=1')).toEqual({ name: 'probe https://lb.example:8443/check', scheme: 'https', port: 8443, host: 'lb.example', path: '/check?a=1' });
    expect(() => probeQuestion('ftp://x/')).toThrow(TypeError);
  });
});

describe('what a client would lose', () => {
  const silent: Asked = { silent: 'nobody listens' };
  const good = { named: true, current: true, trusted: true };
  it.each<[string, Asked, Asked]>([
    ['the same', app(200), app(200)],
    ['another success', app(200), app(204)],
    ['another kind of redirect to the same place', app(301, { redirect: 'https://a' }), app(308, { redirect: 'https://a' })],
    ['an error of the server before', app(502), app(404)],
    ['what the old proxy said by itself', app(404, { from: 'proxy' }), silent],
    ['nothing before', silent, app(200)],
    ['a certificate that was as bad before', app(200, { certificate: { ...good, trusted: false } }), app(200, { certificate: { ...good, trusted: false } })],
  ])('nothing: %s', (_, before, after) => {
    expect(differenceOf(UP, before, after)).toBeNull();
  });
  it.each<[string, Asked, Asked]>([
    ['no service for the name', app(200), app(404, { from: 'proxy' })],
    ["the app's 404 became the proxy's", app(404), app(404, { from: 'proxy' })],
    ['a redirect in place of an answer', app(200), app(301, { redirect: 'https://a' })],
    ['an answer in place of a redirect', app(301, { redirect: 'https://a' }), app(200)],
    ['a redirect to somewhere else', app(301, { redirect: 'https://a' }), app(301, { redirect: 'https://b' })],
    ['nobody listens', app(200), silent],
    ['refused otherwise', app(401), app(403)],
    ['an error', app(200), app(500)],
    ['a worse certificate', app(200, { certificate: good }), app(200, { certificate: { ...good, named: false } })],
  ])('%s', (_, before, after) => {
    expect(differenceOf(UP, before, after)).toMatchObject({ name: UP.name });
  });
  it('a redirect of every name, one that nobody has included', () => {
    const nobody = question('http unknown host /', 'unknown.invalid', '/');
    expect(differenceOf(nobody, app(301, { redirect: 'https://unknown.invalid' }), app(404, { from: 'proxy' }))).toBeNull();
    expect(differenceOf(nobody, app(301, { redirect: 'https://shop.example' }), app(404, { from: 'proxy' }))).not.toBeNull();
  });
  it('whatever path it is', () => {
    const odd = questionsAbout({ ports: [80], hosts: [], paths: ["/it's,so"], labels: [], probes: ["http://lb/it's,so"] });
    const lost = odd.flatMap((each) => differenceOf(each, app(200), app(404, { from: 'proxy' })) ?? []);
    const [, list = ''] = /'(.*)'/.exec(acceptOption(lost)) ?? [];
    expect(list).not.toContain("'");
    expect(notAccepted(lost, list.split(','))).toEqual([]);
  });
  describe('accepted with parts of its name left out', () => {
    const asked = questionsAbout({ ports: [80, 443, 8080], hosts: ['shop.example'], paths: ['/up'], labels: [], probes: ['http://by.ip/up'] });
    const lost = asked.flatMap((each) => differenceOf(each, app(200), app(404, { from: 'proxy' })) ?? []);
    const accepted = (...words: string[]) => lost.filter((each) => !notAccepted(lost, words).includes(each)).map(({ name }) => name);

    it.each([
      ['by ip', ['http by ip /', 'http by ip /up', 'http:8080 by ip /', 'http:8080 by ip /up', 'https by ip /', 'https by ip /up', 'https:8080 by ip /', 'https:8080 by ip /up']],
      ['http unknown host', ['http unknown host /', 'http unknown host /up']],
      ['http shop.example /up', ['http shop.example /up']],
      ['shop.example /up', ['http shop.example /up', 'http:8080 shop.example /up', 'https shop.example /up', 'https:8080 shop.example /up']],
      ['https', ['https by ip /', 'https by ip /up', 'https shop.example /', 'https shop.example /up', 'https unknown host /', 'https unknown host /up']],
      ['probe http://by.ip/up', ['probe http://by.ip/up']],
      ['probe', []],
      ['ip', []],
      ['shop', []],
      ['http by', []],
    ])('%s', (word, names) => {
      expect(accepted(word).sort()).toEqual(names);
    });
    it('as it is offered: a whole kind where it has no name, or is asked for several paths', () => {
      expect(acceptOption(lost)).toBe("--accept-answers 'probe http://by.ip/up,by ip,http shop.example,unknown host,https shop.example,http:8080 shop.example,https:8080 shop.example'");
      expect(acceptOption(lost.filter(({ name }) => name === 'http shop.example /up'))).toBe("--accept-answers 'http shop.example /up'");
      const [, list = ''] = /'(.*)'/.exec(acceptOption(lost)) ?? [];
      expect(notAccepted(lost, list.split(','))).toEqual([]);
    });
    it('and what else can be done about it depends on who asks', () => {
      const hint = (name: string, after = app(404, { from: 'proxy' as const })) => answersHint(asked.filter((each) => each.name === name).flatMap((each) => differenceOf(each, app(200), after) ?? []));
      expect(hint('http by ip /up')).toBe("load balancers and monitors that ask by the host's address have to send a name that kamal-proxy knows; or accept it: --accept-answers 'by ip'");
      expect(hint('http shop.example /up')).toBe("give kamal-proxy these names (`proxy: hosts`); or accept it: --accept-answers 'http shop.example /up'");
      expect(hint('http shop.example /up', app(301, { redirect: 'https://shop.example' }))).toContain('keep plain HTTP with `proxy: ssl_redirect: false`; or');
    });
  });
  it('a probe has to end in the same class of status only', () => {
    const probe = probeQuestion('http://lb/up');
    expect(differenceOf(probe, app(404), app(410))).toBeNull();
    expect(differenceOf(probe, app(200), app(301))).not.toBeNull();
  });
  it('what is accepted by name is no longer in the way, and the option can be given as it is printed', () => {
    const differences = [UP, question('http a.example /', 'a.example', '/')].flatMap((each) => differenceOf(each, app(200), app(404, { from: 'proxy' })) ?? []);
    expect(notAccepted(differences, ['http by ip /up']).map(({ name }) => name)).toEqual(['http a.example /']);
    const [, list = ''] = /'(.*)'/.exec(acceptOption(differences)) ?? [];
    expect(notAccepted(differences, list.split(','))).toEqual([]);
  });
});

describe('who spoke', () => {
  it.each<[boolean, number, string]>([
    [true, 404, '404 page not found\n'],
    [true, 502, 'Bad Gateway'],
    [true, 499, 'Client Closed Request'],
    [true, 404, '<!doctype html><title>404 — Not Found</title><meta name="robots" content="noindex, nofollow">'],
    [false, 404, "<title>The page you were looking for doesn't exist (404)</title>"],
    [false, 200, '404 page not found\n'],
    [false, 401, 'Unauthorized'],
  ])('%s: %d %s', (expected, status, body) => {
    expect(isProxys(status, body)).toBe(expected);
  });
  it('where a redirect leads', () => {
    expect(redirectOf('https://a.example/path?x=1')).toBe('https://a.example');
    expect(redirectOf('/login')).toBeNull();
    expect(redirectOf('https://')).toBeNull();
    expect(redirectOf(undefined)).toBeNull();
  });
});

describe('what kamal-proxy will not answer, by its configuration', () => {
  const known = (questions: Question[], before: Asked = app(200)): KnownAnswer[] => questions.map((each) => ({ question: each, before }));
  const lost = (proxy: string, questions: Question[], before?: Asked) =>
    predictedDifferences(known(questions, before), deployment(`servers: [ 10.0.0.1 ]\nproxy: ${proxy}`).deployment, '10.0.0.1').map(({ name }) => name);
  const named = question('http shop.example /up', 'shop.example', '/up');
  const https = question('https shop.example /up', 'shop.example', '/up', 'https');

  it('without a host it answers whatever is asked for', () => {
    expect(lost('{ app_port: 3000 }', [UP, named])).toEqual([]);
  });
  it('with one, only that one', () => {
    expect(lost('{ host: shop.example }', [UP, named, question('http x.shop.example /', 'x.shop.example', '/')])).toEqual(['http by ip /up', 'http x.shop.example /']);
    expect(lost('{ host: "*.shop.example" }', [question('http x.shop.example /', 'x.shop.example', '/'), question('http x.y.shop.example /', 'x.y.shop.example', '/')])).toEqual(['http x.y.shop.example /']);
  });
  it('by address it is not asked for the name under which the configuration knows the host', () => {
    const own = deployment('servers: [ shop.example ]\nproxy: { host: shop.example }').deployment;
    expect(predictedDifferences(known([UP, named]), own, 'shop.example').map(({ name }) => name)).toEqual(['http by ip /up']);
    expect(predictedDifferences(known([UP]), deployment('servers: [ shop.example ]\nproxy: { app_port: 3000 }').deployment, 'shop.example')).toEqual([]);
  });
  it('with a prefix, only what is below it', () => {
    expect(lost('{ path_prefix: /api }', [question('http by ip /api/x', null, '/api/x'), question('http by ip /apix', null, '/apix'), question('http by ip /', null, '/')])).toEqual(['http by ip /apix', 'http by ip /']);
  });
  it('with TLS, in plain only a redirect', () => {
    expect(lost('{ host: shop.example, ssl: true }', [named, https])).toEqual(['http shop.example /up']);
    expect(lost('{ host: shop.example, ssl: true }', [named], app(308, { redirect: 'https://shop.example' }))).toEqual([]);
    expect(lost('{ host: shop.example, ssl: true, ssl_redirect: false }', [named])).toEqual([]);
  });
  it('without TLS no handshake, and nothing on ports that it does not publish', () => {
    expect(lost('{ host: shop.example }', [https])).toEqual(['https shop.example /up']);
    expect(lost('{ app_port: 3000 }', [question('http:8080 by ip /', null, '/', 'http', 8080)])).toEqual(['http:8080 by ip /']);
    expect(lost('{ run: { http_port: 8080 } }', [question('http:8080 by ip /', null, '/', 'http', 8080), UP])).toEqual(['http by ip /up']);
  });
});
