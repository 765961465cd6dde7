import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { connectTemporal } from '../../src/temporal/connection.ts';
import { findTemporalCli } from '../../src/temporal/server-binary.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { makeSandbox } from './temporal/fixtures/sandbox.ts';
import type { Sandbox } from './temporal/fixtures/sandbox.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Service {
  image?: string;
  build?: string;
  command?: string | string[];
  depends_on?: Record<string, { condition: string }>;
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  user?: string;
}
let services: Record<string, Service>;
let volumes: Record<string, unknown>;
let sandbox: Sandbox;

beforeAll(async () => {
  ({ services, volumes } = parse(await readFile(`${ROOT}/docker-compose.yml`, 'utf8')) as {
    services: Record<string, Service>; volumes: Record<string, unknown>;
  });
  sandbox = await makeSandbox();
});
afterAll(() => sandbox.remove(), 60_000);

describe('docker-compose.yml', () => {
  it('pins every image that it does not build', () => {
    const fetched = Object.values(services).filter(({ build }) => !build);
    expect(fetched.length).toBeGreaterThanOrEqual(5);
    for (const { image } of fetched) expect(image).toMatch(/:\d+\.\d+(\.\d+)?(-alpine)?$/);
    expect(services.schema?.image?.split(':')[1]).toBe(services.temporal?.image?.split(':')[1]);
  });

  it('starts one thing after the other', () => {
    const order = Object.entries(services).flatMap(([name, { depends_on = {} }]) =>
      Object.entries(depends_on).map(([on, { condition }]) => `${name} after ${on}: ${condition}`));
    expect(order.sort()).toEqual([
      'namespace after temporal: service_healthy',
      'schema after postgresql: service_healthy',
      'temporal after schema: service_completed_successfully',
      'ui after temporal: service_healthy',
      'worker after namespace: service_completed_successfully',
    ]);
  });

  it('publishes ports, behind which nobody asks who you are, to this machine only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).toHaveLength(2);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('keeps data in named volumes, and lets the worker write nowhere else', () => {
    expect(services.postgresql?.volumes).toEqual(['postgresql:/var/lib/postgresql/data']);
    const mounts = services.worker?.volumes ?? [];
    expect(mounts.filter((mount) => !mount.endsWith(':ro'))).toEqual(['state:/state']);
    expect(Object.keys(volumes).sort()).toEqual(['postgresql', 'state']);
    expect(services.worker?.user).not.toMatch(/^(root|0)\b/);
  });

  it('has the password in no command line', () => {
    for (const { command } of Object.values(services)) expect(JSON.stringify(command ?? '')).not.toMatch(/PASSWORD|PWD/);
  });

  it('makes the namespace and our search attributes, also the second time', { timeout: 60_000 }, async () => {
    const temporal = await connectTemporal(sandbox.env);
    // What compose does: $$ is a $ that it leaves to the shell.
    const script = services.namespace?.command?.[0]?.replaceAll('$$', '$') ?? '';
    const cli = await findTemporalCli(sandbox.env);
    const env = {
      ...sandbox.env, PATH: `${dirname(cli.path)}:${process.env.PATH}`,
      TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: 'made-by-compose',
    };
    for (const _ of ['first', 'second']) await run('/bin/sh', ['-eu', '-c', script], { env, timeout: 45_000 });
    const { customAttributes } = await temporal.connection.operatorService.listSearchAttributes({ namespace: 'made-by-compose' });
    expect(Object.keys(customAttributes).filter((name) => name.startsWith('Bactrian')).sort())
      .toEqual(Object.values(searchAttributes).map(({ name }) => name).sort());
    const { config } = await temporal.connection.workflowService.describeNamespace({ namespace: 'made-by-compose' });
    expect(config?.workflowExecutionRetentionTtl?.seconds?.toString()).toBe(String(90 * 86_400));
    await temporal.connection.close();
  });

  // Any implementation will do: Debian's docker-compose (which bin/test installs) or Docker's plugin.
  const compose = [['docker-compose'], ['docker', 'compose']].find(([program, ...first]) =>
    spawnSync(program!, [...first, 'version'], { stdio: 'ignore' }).status === 0);
  if (compose) {
    const [program, ...first] = compose;
    const config = (env: Record<string, string>): Promise<{ stdout: string }> =>
      run(program!, [...first, 'config'], { cwd: ROOT, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } });

    it('is accepted by compose', async () => {
      const { stdout } = await config({ BACTRIAN_PROJECT: sandbox.projectDir, BACTRIAN_WORKER_OPTIONS: '-d staging' });
      const resolved = parse(stdout) as { services: Record<string, Service> };
      expect(Object.keys(resolved.services).sort()).toEqual(Object.keys(services).sort());
      expect([resolved.services.worker?.command].flat().join(' ')).toBe('worker --project /project -d staging');
    });

    it('asks for the project when none is named', async () => {
      await expect(config({})).rejects.toThrow(/config\/deploy\.yml/);
    });
  }
});

describe('Dockerfile', () => {
  it('runs what package.json calls bactrian, as an ordinary user, on a pinned Node', async () => {
    const dockerfile = await readFile(`${ROOT}/Dockerfile`, 'utf8');
    const { bin } = JSON.parse(await readFile(`${ROOT}/package.json`, 'utf8')) as { bin: { bactrian: string } };
    expect(dockerfile).toContain(`"/app/${bin.bactrian}"`);
    expect(dockerfile.match(/^USER .+$/gm)).toEqual(['USER node']);
    for (const from of dockerfile.match(/^FROM .+$/gm) ?? []) expect(from).toMatch(/^FROM node:22-bookworm-slim( AS \w+)?$/);
  });
});
