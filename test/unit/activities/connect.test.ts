import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectScript } from '../../../activities/script/connect.ts';

/** Programs of this machine that can make a connection, each alone beside what the script itself calls. */
const ALONE: Record<string, string[]> = { python: ['python3'], node: ['node'], ruby: ['ruby'], perl: ['perl'], bash: ['bash', 'timeout'], netcat: ['nc'], curl: ['curl'] };

const where = (program: string): string | null => {
  // What is called python3 may be a script that looks for the real one.
  const asked = program === 'python3' ? "python3 -c 'import sys; print(sys.executable)'" : `command -v ${program}`;
  const { status, stdout } = spawnSync('sh', ['-c', asked], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
};

describe('opening places with what an image has', () => {
  let server: Server;
  let open: number;
  let closed: number;
  const folders: string[] = [];

  beforeAll(async () => {
    const freed = createServer().listen(0, '127.0.0.1');
    await once(freed, 'listening');
    closed = portOf(freed);
    freed.close();
    server = createServer((socket) => socket.on('data', () => server.emit('spoken')).on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open = portOf(server);
  });
  afterAll(() => {
    server.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  const present = Object.entries(ALONE).filter(([, programs]) => programs.every((program) => where(program) !== null));
  it.each(present)('%s tells what is open, refused, and unknown, and says nothing to it', async (_, programs) => {
    let spoken = false;
    server.once('spoken', () => (spoken = true));
    const folder = mkdtempSync(join(tmpdir(), 'bactrian-connect-'));
    folders.push(folder);
    for (const program of ['sh', 'cat', 'grep', ...programs]) symlinkSync(where(program) ?? '', join(folder, program));
    const places = [{ host: '127.0.0.1', port: open }, { host: '127.0.0.1', port: closed }, { host: 'nobody.invalid', port: 80 }];
    const output = await through(folder, connectScript(places));
    const said = new Map(output.split('\n').flatMap((line) => (line.startsWith('@place ') ? [[line.split(' ').slice(1, 3).join(' '), line.split(' ')[3]]] : [])) as [string, string][]);
    expect(said.get(`127.0.0.1 ${open}`), output).toBe('open');
    // curl tells a failure, not which one; netcats say it in words of their own.
    expect(['refused', 'silent']).toContain(said.get(`127.0.0.1 ${closed}`));
    expect(['unresolved', 'silent']).toContain(said.get('nobody.invalid 80'));
    expect(spoken).toBe(false);
  });

  it('no program, no word', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bactrian-connect-'));
    folders.push(folder);
    for (const program of ['sh', 'cat', 'grep']) symlinkSync(where(program) ?? '', join(folder, program));
    expect(await through(folder, connectScript([{ host: '127.0.0.1', port: open }]))).toBe('');
  });

  it('is a script that any shell reads', () => {
    expect(execFileSync('sh', ['-n'], { input: connectScript([{ host: 'db', port: 5432 }]), encoding: 'utf8' })).toBe('');
  });
});

/** Runs a script with nothing on the PATH but what a folder has. */
async function through(folder: string, script: string): Promise<string> {
  const shell = spawn(join(folder, 'sh'), ['-s'], { env: { PATH: folder }, stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  shell.stdin.end(script);
  await once(shell, 'close');
  return output;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
