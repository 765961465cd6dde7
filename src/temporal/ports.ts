import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

export interface ServerPorts {
  readonly grpc: number;
  readonly ui: number;
}

/** Whether somebody could listen on this port of the loopback address now. */
export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Two free loopback ports: `wanted` where both are free, else others. They lie
 * below the range from which systems take ports for outgoing connections, so
 * that they are likely still free when the server starts again: a worker keeps
 * calling the address it knows, and people keep the UI's address.
 */
export async function choosePorts(wanted?: ServerPorts): Promise<ServerPorts> {
  if (wanted && (await isFree(wanted.grpc)) && (await isFree(wanted.ui))) return wanted;
  const grpc = await anyFreePort();
  let ui = await anyFreePort();
  while (ui === grpc) ui = await anyFreePort();
  return { grpc, ui };
}

async function anyFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(17_000, 32_000);
    if (await isFree(port)) return port;
  }
}
