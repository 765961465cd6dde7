import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually, run } from '../../lab/run.ts';
import { signal } from '../../lab/processes.ts';
import { secretsIn } from './leaks.ts';
import { Shop } from './shop.ts';
import type { Running } from './shop.ts';
import { lab } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

describe('with a Temporal server of the user’s own', () => {
  let shop: Shop;
  let server: ReturnType<typeof spawn>;
  let worker: Running;

  beforeAll(async () => {
    await lab.restore();
    const port = await freePort();
    shop = await Shop.open('own-server', {}, { TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    const program = process.env.BACTRIAN_TEMPORAL_CLI ?? 'temporal';
    await mkdir(shop.stateDir, { recursive: true });
    const database = join(shop.stateDir, 'own-server.db');
    server = spawn(program, ['server', 'start-dev', '--headless', '--port', String(port), '--db-filename', database], { env: shop.env, stdio: 'ignore' });
    await eventually('the server answers', 30_000, async () => (await run(program, ['operator', 'cluster', 'health', '--address', `127.0.0.1:${port}`], { env: shop.env })).code === 0);
    worker = shop.start('worker');
    await worker.printed('working for');
  });
  afterAll(async () => {
    worker.child.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
    if (server.pid !== undefined) signal(server.pid, 'SIGTERM');
    expect(await secretsIn(shop.stateDir)).toEqual([]);
  });

  it('a worker in the foreground does what the background one does, and no embedded server is started', async () => {
    const ended = await shop.upgrade('-h', lab.host('h2').address);
    expect(ended.code, ended.stderr).toBe(0);
    expect(await presentState(['h2'])).toEqual(await upgradedState(['h2']));
    expect(existsSync(join(shop.stateDir, 'server/server.json'))).toBe(false);
  });
});

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const listener = createServer().on('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      listener.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
