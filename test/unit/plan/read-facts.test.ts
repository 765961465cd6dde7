import { describe, expect, it } from 'vitest';
import { readFacts } from '../../../src/plan/read-facts.ts';
import { app, host, probeOutput, PROXY, TRAEFIK } from './fleet.ts';

describe('readFacts', () => {
  it('reads a container as docker inspect tells it', () => {
    const anonymous = 'f'.repeat(64);
    const facts = host('a', [
      app('web', {
        env: ['MODE=live', 'EMPTY=', 'URL=postgres://x?a=b', 'BARE'],
        mounts: [{ Type: 'volume', Name: anonymous, Source: '/var/lib/docker/volumes/x/_data', Destination: '/data' }, { Type: 'bind', Source: '/srv', Destination: '/srv' }],
        cmd: ['bin/web', '-p', '3000'],
        networks: ['kamal', 'bridge'],
      }),
      TRAEFIK,
    ]);
    expect(facts.containers[0]).toEqual({
      id: 'id-shop-web-v1', name: 'shop-web-v1', image: { id: 'sha256:v1', name: 'registry.example.com/acme/shop:v1' }, running: true, status: 'running', health: 'healthy',
      restartPolicy: 'unless-stopped', networkMode: 'default', networks: ['bridge', 'kamal'], addresses: {}, labels: { service: 'shop', role: 'web', destination: '' },
      env: { MODE: 'live', EMPTY: '', URL: 'postgres://x?a=b', BARE: '' },
      mounts: [{ type: 'volume', name: anonymous, source: '/var/lib/docker/volumes/x/_data', destination: '/data' }, { type: 'bind', name: null, source: '/srv', destination: '/srv' }],
      ports: [], devices: [], hostname: 'h', cmd: ['bin/web', '-p', '3000'], startedAt: '2026-11-24T20:00:00Z',
    });
    expect(facts.containers[1]?.ports).toEqual([{ containerPort: '80/tcp', hostIp: '', hostPort: 80 }]);
  });

  it('takes a container of which an engine tells the least', () => {
    const text = probeOutput([], { containers: JSON.stringify([{ Id: 'x', Name: '/bare', Image: 'sha256:1' }]) });
    expect(readFacts('a', text).containers).toMatchObject([{ name: 'bare', running: false, status: 'unknown', health: null, restartPolicy: 'no', networks: [], labels: {}, env: {}, mounts: [], ports: [], cmd: [] }]);
  });

  it('reads what is around the containers', () => {
    const details = Buffer.from(Buffer.from('Locked by: Bob\nMessage: x').toString('base64')).toString('base64');
    const facts = host('a', [], {
      missing: 'flock\nawk',
      images: 'sha256:1\tshop:v1\nsha256:1\tshop:latest\nsha256:2\t<none>:<none>',
      'image-env': 'sha256:1\t["PATH=/bin"]\nsha256:2\tnull',
      networks: 'bridge\nkamal',
      volumes: 'kamal-proxy-config',
      disk: '2047',
      listening: '443\n80\n80\n22',
      locks: `.kamal/lock-shop\t${details}\n.kamal/locks/shop\t`,
      runs: 'app\trun-1\naccessories\trun-2',
    });
    expect(facts).toMatchObject({
      dockerVersion: '27.5.1', dockerError: null, missingTools: ['flock', 'awk'], containers: [],
      images: [{ id: 'sha256:1', tags: ['shop:v1', 'shop:latest'] }, { id: 'sha256:2', tags: [] }],
      imageEnv: { 'sha256:1': { PATH: '/bin' }, 'sha256:2': {} },
      networks: ['bridge', 'kamal'], volumes: ['kamal-proxy-config'], freeDiskMiB: 1, listening: [22, 80, 443],
      locks: [{ path: '.kamal/lock-shop', details: 'Locked by: Bob\nMessage: x' }, { path: '.kamal/locks/shop', details: null }],
      openRuns: { app: ['run-1'], accessories: ['run-2'] }, certificates: { proxy: [], traefik: [] },
    });
  });

  it('keeps the reason why Docker does not answer', () => {
    const text = '\n@@docker-error\nCannot connect to the Docker daemon\nIs it running?\n\n@@disk\n\n@@end\n';
    expect(readFacts('a', text)).toMatchObject({ dockerVersion: null, dockerError: 'Cannot connect to the Docker daemon Is it running?', freeDiskMiB: null, containers: [] });
    expect(readFacts('a', '')).toMatchObject({ dockerVersion: null, dockerError: 'no answer' });
  });

  it('is not led astray by what containers have in their environment', () => {
    const facts = host('a', [app('web', { env: ['X=1\n@@locks\n/evil\tx', 'Y=@@end'] }), PROXY]);
    expect(facts.containers).toHaveLength(2);
    expect(facts.locks).toEqual([]);
    expect(facts.containers[0]?.env['X']).toBe('1\n@@locks\n/evil\tx');
  });
});
