import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Environment } from './environment.ts';
import { TemporalSetupError, codeOf, messageOf } from './errors.ts';

// The command line and a worker talk over a Unix socket, mode 0600 in a folder
// of mode 0700: one line of JSON each way, then the connection ends. What goes
// over it (the shell's environment: agent socket, tokens, sessions) is kept in
// the worker's memory and nowhere else.

export type WorkerState = 'waiting for its environment' | 'starting' | 'polling' | 'stopping';

/** What a worker says about itself. */
export interface WorkerReply {
  readonly state: WorkerState;
  readonly version: string;
  readonly taskQueue: string;
  /** Which server it talks to, and with which codec key; undefined until it has an environment. */
  readonly fingerprint?: string;
}

type Request = { kind: 'status' } | { kind: 'environment'; env: Environment };
type Answer = { ok: true; worker: WorkerReply } | { ok: false; error: string };

const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** The worker's end of the socket. */
export interface EnvironmentSocket {
  close(): Promise<void>;
}

/**
 * Listens on `path`. Every environment that is handed over goes to
 * `onEnvironment`, and each request is answered with `describe()`.
 * @throws TemporalSetupError when a living worker has this socket already
 */
export async function listenForEnvironment(
  path: string,
  { onEnvironment, describe }: { onEnvironment: (env: Environment) => void; describe: () => WorkerReply },
): Promise<EnvironmentSocket> {
  const answer = (line: string): Answer => {
    try {
      const request = parseRequest(line);
      if (request.kind === 'environment') onEnvironment(request.env);
      return { ok: true, worker: describe() };
    } catch (error) {
      return { ok: false, error: messageOf(error) };
    }
  };
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    readLine(socket).then(
      (line) => socket.end(`${JSON.stringify(answer(line))}\n`),
      () => socket.destroy(),
    );
  });
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await listen();
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    const other = await askWorker(path, 2_000).catch(() => undefined);
    if (other) {
      throw new TemporalSetupError(
        `A worker for ${other.taskQueue} is running already (version ${other.version}, ${other.state}). ` +
          "'bactrian down' stops it.",
      );
    }
    // Left behind by a worker that was killed.
    await rm(path, { force: true });
    await listen();
  }
  await chmod(path, 0o600);
  return { close: () => new Promise((resolve) => { server.close(() => resolve()); }) };
}

function parseRequest(line: string): Request {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null && 'kind' in value) {
    if (value.kind === 'status') return { kind: 'status' };
    if (value.kind === 'environment' && 'env' in value && isEnvironment(value.env)) {
      return { kind: 'environment', env: value.env };
    }
  }
  throw new Error("expected {kind: 'status'} or {kind: 'environment', env: {…}}");
}

function isEnvironment(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) &&
    Object.values(value).every((entry) => typeof entry === 'string')
  );
}

/**
 * Gives the worker behind `path` an environment; it replaces the one before.
 * @param timeoutMs how long the worker may take to say that it has it
 * @throws Error when nobody listens, or the worker is silent or refuses
 */
export async function handOverEnvironment(path: string, env: Environment, timeoutMs: number): Promise<WorkerReply> {
  return request(path, { kind: 'environment', env }, timeoutMs);
}

/** What the worker behind `path` is doing. Throws as {@link handOverEnvironment} does. */
export async function askWorker(path: string, timeoutMs: number): Promise<WorkerReply> {
  return request(path, { kind: 'status' }, timeoutMs);
}

async function request(path: string, message: Request, timeoutMs: number): Promise<WorkerReply> {
  const socket = createConnection(path);
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
  try {
    const line = readLine(socket);
    socket.write(`${JSON.stringify(message)}\n`);
    const answer = JSON.parse(await line) as Answer;
    if (!answer.ok) throw new Error(`the worker refused: ${answer.error}`);
    return answer.worker;
  } finally {
    socket.destroy();
  }
}

/** The first line that arrives; rejects when the connection ends, fails or sends too much before its end. */
function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    socket.on('data', (chunk: Buffer) => {
      const end = chunk.indexOf('\n');
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
      size += chunk.length;
      if (end >= 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else if (size > MAX_LINE_BYTES) socket.destroy(new Error('the line is too long'));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection ended before a whole line')));
  });
}
