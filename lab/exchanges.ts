import { request } from 'node:http';

import WebSocket from 'ws';

/** How an exchange that takes long came to its end. */
export interface ExchangeEnd {
  name: 'download' | 'websocket' | 'upload';
  /** `well`, or what went wrong. */
  end: string;
  /** How long it took, in seconds. */
  seconds: number;
}

/** Exchanges that are under way. */
export interface RunningExchanges {
  /** Resolves when all have ended, well or not; never rejects. */
  ended: Promise<ExchangeEnd[]>;
}

/** A part is sent, or a message exchanged, so often. */
const beatMs = 100;

/**
 * Begins a download, a websocket and an upload, each of which takes `seconds` because its sender takes its time.
 * @param host name or address, with a port if it isn't 80; IPv6 in brackets
 * @returns once each is under way: the first part of the download and the first echo have come, the first part of the
 * upload is sent
 * @throws if one of them can't even begin
 */
export async function startExchanges(host: string, seconds: number): Promise<RunningExchanges> {
  const beats = Math.round((seconds * 1000) / beatMs);
  const exchanges = [download(host, seconds), websocket(host, beats), upload(host, beats)];
  await Promise.all(exchanges.map(({ begun }) => begun));
  return { ended: Promise.all(exchanges.map(({ ended }) => ended)) };
}

/** Ends once, at the first reason given, and notes how long it took. */
class Exchange {
  readonly begun: Promise<void>;
  readonly ended: Promise<ExchangeEnd>;
  begin: () => void = () => undefined;
  end: (how: string) => void = () => undefined;

  constructor(name: ExchangeEnd['name']) {
    const startedAt = performance.now();
    let begun = false;
    let fail: (error: Error) => void = () => undefined;
    this.begun = new Promise((resolve, reject) => {
      this.begin = () => {
        begun = true;
        resolve();
      };
      fail = reject;
    });
    this.ended = new Promise((resolve) => {
      this.end = (how) => {
        if (!begun) fail(new Error(`the ${name} did not begin: ${how}`));
        resolve({ name, end: how, seconds: Math.round((performance.now() - startedAt) / 100) / 10 });
      };
    });
  }
}

function download(host: string, seconds: number): Exchange {
  const exchange = new Exchange('download');
  const outgoing = request(`http://${host}/download?seconds=${seconds}`, (answer) => {
    let body = '';
    answer.setEncoding('utf8').on('data', (text: string) => {
      body += text;
      exchange.begin();
    });
    answer.on('error', (error) => exchange.end(error.message));
    answer.on('end', () => {
      const lines = body.trim().split('\n');
      const whole = lines.at(-1) === `downloaded ${lines.length - 1}`;
      exchange.end(whole ? 'well' : `HTTP ${answer.statusCode}, cut off after ${lines.length} lines`);
    });
  });
  outgoing.on('error', (error) => exchange.end(error.message)).end();
  return exchange;
}

function upload(host: string, beats: number): Exchange {
  const exchange = new Exchange('upload');
  const part = Buffer.alloc(1024, 'x');
  let sent = 0;
  const outgoing = request(`http://${host}/upload`, { method: 'POST' }, (answer) => {
    let body = '';
    answer.setEncoding('utf8').on('data', (text: string) => (body += text));
    answer.on('error', (error) => exchange.end(error.message));
    answer.on('end', () => exchange.end(body === `uploaded ${beats * part.length}\n` ? 'well' : `HTTP ${answer.statusCode}: ${body.trim()}`));
  });
  const timer = setInterval(() => {
    outgoing.write(part, () => exchange.begin());
    if (++sent < beats) return;
    clearInterval(timer);
    outgoing.end();
  }, beatMs);
  outgoing.on('error', (error) => exchange.end(error.message));
  void exchange.ended.then(() => clearInterval(timer));
  return exchange;
}

function websocket(host: string, beats: number): Exchange {
  const exchange = new Exchange('websocket');
  const socket = new WebSocket(`ws://${host}/ws`);
  let sent = 0;
  let echoed = 0;
  const timer = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (sent < beats) socket.send(String(++sent));
    else if (echoed === beats) socket.close(1000);
  }, beatMs);
  socket.on('message', (data: Buffer) => {
    if (data.toString() === String(echoed + 1)) echoed++;
    else exchange.end(`echo '${data.toString()}' instead of ${echoed + 1}`);
    exchange.begin();
  });
  socket.on('close', (code) => exchange.end(code === 1000 && echoed === beats ? 'well' : `closed with ${code} after ${echoed} of ${beats} echoes`));
  socket.on('error', (error) => exchange.end(error.message));
  void exchange.ended.then(() => clearInterval(timer));
  return exchange;
}
