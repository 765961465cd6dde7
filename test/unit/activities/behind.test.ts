import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { likeButBehind, type InspectedContainer } from '../../../activities/behind.ts';
import { createBehindScript, leaveTraefikScript } from '../../../activities/script/behind.ts';
import { moveScript } from '../../../activities/script/move.ts';
import { putBackThisRun } from '../../../activities/script/put-back.ts';
import { LocalHost } from './local-host.ts';

const ID = 'b5ce63d68c99d23de7e71ed2490405672b06c5290b6abe5d7cb4245087001cb5';
const inspected = (more: Partial<InspectedContainer> = {}): InspectedContainer => ({
  Id: ID,
  Image: 'sha256:traefik',
  Config: { Hostname: ID.slice(0, 12), Image: 'traefik:v2.11', Cmd: ['--providers.docker'], Env: ['TOKEN=s3cret'], Labels: { 'lab.note': 'kept' }, ExposedPorts: { '80/tcp': {} } },
  HostConfig: { NetworkMode: 'default', Binds: ['/var/run/docker.sock:/var/run/docker.sock'], PortBindings: { '80/tcp': [{ HostPort: '80' }] }, Memory: 268435456, RestartPolicy: { Name: 'unless-stopped' } },
  NetworkSettings: { Networks: { bridge: { IPAMConfig: null, Aliases: null } } },
  ...more,
});
const like = (more: Partial<InspectedContainer> = {}, image: string | null = 'sha256:traefik') => {
  const { body, networks } = likeButBehind(inspected(more), { cmd: ['--providers.docker', '--ping=true'], labels: { 'bactrian.behind': '80' } }, image);
  return { body: JSON.parse(body) as Record<string, unknown>, networks };
};

describe('a container like the Traefik that serves', () => {
  it('has all that it has, but for name, ports, arguments and labels', () => {
    expect(like()).toEqual({
      body: {
        Image: 'traefik:v2.11', Cmd: ['--providers.docker', '--ping=true'], Env: ['TOKEN=s3cret'], Labels: { 'lab.note': 'kept', 'bactrian.behind': '80' }, ExposedPorts: { '80/tcp': {} },
        HostConfig: { NetworkMode: 'default', Binds: ['/var/run/docker.sock:/var/run/docker.sock'], PortBindings: {}, PublishAllPorts: false, Memory: 268435456, RestartPolicy: { Name: 'unless-stopped' }, ContainerIDFile: '' },
      },
      networks: [],
    });
  });

  it('runs the image that it runs, whatever the tag names by now', () => {
    expect(like({}, 'sha256:other').body['Image']).toBe('sha256:traefik');
    expect(like({}, null).body['Image']).toBe('sha256:traefik');
  });

  it('keeps a host name that somebody gave it, and networks of its own', () => {
    const { body, networks } = like({ Config: { ...inspected().Config, Hostname: 'edge' }, HostConfig: { NetworkMode: 'front' }, NetworkSettings: { Networks: { front: { Aliases: ['edge', ID.slice(0, 12)] }, back: {} } } });
    expect(body).toMatchObject({ Hostname: 'edge', NetworkingConfig: { EndpointsConfig: { front: { Aliases: ['edge'] } } } });
    expect(networks).toEqual(['back']);
  });

  it('can not be made where it has a fixed address', () => {
    expect(() => like({ NetworkSettings: { Networks: { front: { IPAMConfig: { IPv4Address: '172.20.0.9' } } } } })).toThrow(/fixed address in the network front/);
  });
});

/** A Docker that remembers what the engine is asked, and has these containers: `NAME`, `id`, `labels`. */
const FAKE_DOCKER = String.raw`
cd "$HOME"
case "$*" in
  version) ;;
  'system dial-stdio') { IFS= read -r first; echo "$first" > asked; while IFS= read -r line && [ "$line" != "$(printf '\r')" ]; do echo "$line" >> asked; done
    head -c "$(sed -n 's/^Content-Length: \([0-9]*\).*/\1/p' asked)" > body
    if timeout 0.5 head -c 1 > /dev/null; then echo closed > early; fi
    [ ! -f refuses ] || { printf 'HTTP/1.1 409 Conflict\r\n\r\n{"message":"taken"}'; exit; }
    mkdir traefik-behind-1; printf 'HTTP/1.1 201 Created\r\n\r\n{"Id":"x"}'; } ;;
  'ps -aq --no-trunc --filter name='*) n=${'$'}{5#name=^/?}; n=${'$'}{n%$}; [ ! -d "$n" ] || echo "id-$n" ;;
  *'label=service=shop'*) cat own 2> /dev/null ;;
  'ps -q --no-trunc') ls -d wiki* shop* traefik* 2> /dev/null | sed 's/^/id-/' ;;
  *'.State.Running'*) d=${'$'}{4#id-}; [ -d "$d" ] && { [ -f "$d/stopped" ] && echo false || echo true; } ;;
  *'"bactrian.behind"}}'*' traefik') cat traefik/behind 2> /dev/null ;;
  *'range $k, $v := .Config.Labels'*) cat "${'$'}{4#id-}/labels" 2> /dev/null ;;
  *IPAddress*) echo 127.0.0.1 ;;
  *NetworkSettings.Networks*) echo 'bridge ' ;;
  'exec kamal-proxy kamal-proxy list') printf 'Service Host\n'; cat services ;;
  'exec kamal-proxy kamal-proxy remove '*) echo "remove $5" >> acts; grep -v "^$5 " services > s; mv s services ;;
  'exec kamal-proxy kamal-proxy deploy '*) echo "$*" >> acts; [ ! -f sick ] || { echo 'Error: target failed to become healthy'; exit 1; } ;;
  'image inspect'*|'inspect '*) exit 1 ;;
  *) echo "$*" >> acts ;;
esac`;

describe('on a host', () => {
  let host: LocalHost;
  beforeEach(async () => {
    host = new LocalHost();
    host.docker(FAKE_DOCKER);
    await host.sh('printf "bactrian-traefik *\\nshop-web shop.example\\n" > services; mkdir traefik kamal-proxy; echo 80 > traefik/behind; : > acts');
  });
  afterEach(() => host.remove());
  const acts = () => host.read('acts').trim().split('\n').filter(Boolean);

  describe('a second Traefik', () => {
    const body = '{"Env":["TOKEN=s3crét"]}';
    const script = createBehindScript({ name: 'traefik-behind-1', body, networks: ['back'] });

    it('is made by the engine itself, journalled before, and not asked for twice', async () => {
      const made = await host.step(script);
      expect(made, made.output).toMatchObject({ code: 0, notes: ['created a Traefik like the one that serves, without published ports'] });
      expect(host.read('asked')).toContain('POST /containers/create?name=traefik-behind-1 HTTP/1.1');
      expect(host.read('body')).toBe(body);
      // An engine that finds its client gone may give the request up.
      expect(host.has('early')).toBe(false);
      expect(acts()).toEqual(['network connect back id-traefik-behind-1', 'network connect --alias bactrian-traefik kamal id-traefik-behind-1', 'start id-traefik-behind-1'].map((act) => act.replaceAll('id-traefik-behind-1', 'traefik-behind-1')));
      expect(host.read('.kamal/bactrian/run-1/app.journal')).toContain('container traefik-behind-1');
      expect((await host.step(script, { attempt: 2 })).notes).toEqual([]);
      expect((await host.sh('grep -r s3cr .kamal')).output).toBe('');
    });

    it('that the engine does not make fails the step, with what the engine says', async () => {
      await host.sh(': > refuses');
      const failed = await host.step(script);
      expect(failed).toMatchObject({ code: 1, fail: { type: 'StepFailed' } });
      expect(failed.output).toContain('taken');
    });
  });

  describe('once a service has moved past it', () => {
    const leave = leaveTraefikScript(['service=shop', 'destination=']);

    it('stays while it routes to somebody, and names them', async () => {
      await host.sh('mkdir wiki; echo "/wiki traefik.http.routers.wiki.rule service" > wiki/labels');
      expect((await host.step(leave)).notes).toEqual(['Traefik stays behind kamal-proxy for: wiki']);
      expect(acts()).toEqual([]);
    });

    it('goes with what led to it when nobody else is there', async () => {
      await host.sh('mkdir shop; echo "/shop traefik.http.routers.shop.rule" > shop/labels; echo id-shop > own');
      expect((await host.step(leave)).notes).toEqual(['Traefik routes to nobody any more: it goes']);
      expect(acts()).toEqual(['remove bactrian-traefik', 'update --restart no traefik', 'stop traefik']);
    });

    it('is nothing to a Traefik that publishes ports', async () => {
      await host.sh('rm traefik/behind');
      expect(await host.step(leave)).toMatchObject({ code: 0, notes: [] });
      expect(acts()).toEqual([]);
    });
  });

  it('a service that kamal-proxy does not take over fails the cutover, and says why', async () => {
    await host.sh('mkdir shop-web-v1; : > sick');
    const failed = await host.step(moveScript([{ container: 'shop-web-v1', service: 'shop-web', deploy: 'kamal-proxy deploy shop-web --target="${short}:80"', hosts: ['shop.example'] }]));
    expect(failed).toMatchObject({ code: 1, fail: { type: 'CutoverFailed', text: expect.stringContaining('target failed to become healthy') } });
  });

  it('put back, a name goes from kamal-proxy to the Traefik behind it, once that one routes it', async () => {
    const asked: string[] = [];
    // Traefik finds the old container after a moment.
    const traefik = createServer((request, answer) => {
      asked.push(`${request.headers.host} ${host.read('services').includes('shop-web')}`);
      answer.writeHead(asked.length > 2 ? 200 : 404).end();
    });
    await new Promise<void>((resolve) => traefik.listen(0, '127.0.0.1', resolve));
    await host.sh(`echo ${(traefik.address() as AddressInfo).port} > traefik/behind`);
    await host.step('journal "routed shop-web shop.example"');
    const back = await host.step(putBackThisRun(5), { seq: 2 });
    traefik.close();
    expect(asked).toEqual(Array.from({ length: 7 }, () => 'shop.example true'));
    expect(back.code, back.output).toBe(0);
    expect(acts()).toEqual(['remove shop-web']);
    expect(host.read('services')).toBe('bactrian-traefik *\n');
  });
});
