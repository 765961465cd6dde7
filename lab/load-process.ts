/**
 * The load generator's own process, so that nothing that its starter does delays a request: `load-process.ts PLAN`, where
 * PLAN is a LoadPlan in JSON. Prints `started`, sends until `stop` comes on standard input (or that is closed, or SIGTERM,
 * or the plan's time is over), waits for what is still under way, and prints the summaries as JSON.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { Agent as TlsAgent, request as requestOverTls } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { createInterface } from 'node:readline';

import type { LoadPlan, LoadStream } from './load.ts';
import { LoadMeter } from './load-meter.ts';

/** More than that open at once and the generator, not the fleet, would be measured. */
const mostEver = 16_000;
/** News of a connection's end takes no longer than that, the delays of a busy machine included. */
const idleCloseMs = 1000;

const plan = JSON.parse(process.argv[2] ?? '') as LoadPlan;
const startedAt = performance.now();
const streams = plan.streams.map((stream) => ({
  stream,
  meter: new LoadMeter(stream.name, startedAt),
  agent: agentFor(stream),
  due: 0,
}));
/** As many as may wait at once when requests are held, and none is answered until it would be given up. */
const mostUnderWay = Math.min(mostEver, Math.max(1000, plan.timeoutSeconds * plan.streams.reduce((sum, { perSecond }) => sum + perSecond, 0)));
let underWay = 0;

/** Each new connection checks the server's certificate anew: none takes an earlier one's session up. */
function agentFor({ url, keepAlive, address, authority }: LoadStream): Agent {
  const lookup: LookupFunction | undefined = address === undefined ? undefined : (_name, { all }, found) => (all ? found(null, [{ address, family: isIP(address) }]) : found(null, address, isIP(address)));
  const options = { ...(keepAlive === true ? { keepAlive: true, maxSockets: Infinity } : { keepAlive: false }), ...(lookup && { lookup }) };
  return url.startsWith('https:') ? new TlsAgent({ ...options, maxCachedSessions: 0, ca: authority === undefined ? undefined : readFileSync(authority) }) : new Agent(options);
}

// Open loop: how many requests are due follows from the clock alone, not from how the fleet answers.
const timer = setInterval(() => {
  const elapsed = (performance.now() - startedAt) / 1000;
  for (const each of streams) {
    for (const due = Math.floor(elapsed * each.stream.perSecond); each.due < due; each.due++) send(each.stream, each.meter, each.agent);
  }
}, 5);
const limit = setTimeout(() => void finish(), plan.maxSeconds * 1000);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line.trim() === 'stop') void finish();
  })
  .on('close', () => void finish());
process.on('SIGTERM', () => void finish());
process.on('SIGINT', () => {
  // Ctrl-C goes to the whole terminal; whoever started the load says when it ends.
});
console.log('started');

let finishing = false;
async function finish(): Promise<void> {
  if (finishing) return;
  finishing = true;
  clearInterval(timer);
  clearTimeout(limit);
  const endedAt = performance.now();
  while (underWay > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  process.stdout.write(`${JSON.stringify(streams.map(({ meter }) => meter.summary(endedAt)))}\n`, () => process.exit(0));
}

function send(stream: LoadStream, meter: LoadMeter, agent: Agent): void {
  meter.sent();
  if (underWay >= mostUnderWay) {
    meter.lost('too many under way', performance.now(), performance.now());
    return;
  }
  attempt(stream, meter, agent, performance.now());
}

function attempt(stream: LoadStream, meter: LoadMeter, agent: Agent, sentAt: number): void {
  const triedAt = performance.now();
  underWay++;
  let over = false;
  const end = (lostBecause?: string): void => {
    if (over) return;
    over = true;
    underWay--;
    clearTimeout(patience);
    if (lostBecause !== undefined) meter.lost(lostBecause, sentAt, performance.now());
  };
  const ask = agent instanceof TlsAgent ? requestOverTls : request;
  const outgoing = ask(stream.url, { agent }, (answer) => {
    let body = '';
    answer.setEncoding('utf8').on('data', (text: string) => (body += text));
    answer.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    answer.on('end', () => {
      if (answer.statusCode !== 200) end(`HTTP ${answer.statusCode}`);
      else if (!body.startsWith(stream.expect)) end('unexpected body');
      else if (!over) {
        meter.good(sentAt, performance.now(), body);
        end();
      }
    });
  });
  const patience = setTimeout(() => {
    end(`no answer in ${plan.timeoutSeconds} s`);
    outgoing.destroy();
  }, plan.timeoutSeconds * 1000);
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    // A server may close an idle connection just as it is used again: clients repeat a GET then, and so does this one. A
    // request that waited longer for its answer was not met by that, but broken off.
    const closed = error.code === 'ECONNRESET' || error.code === 'EPIPE';
    if (!over && outgoing.reusedSocket && closed && performance.now() - triedAt < idleCloseMs) {
      end();
      meter.closedIdle();
      attempt(stream, meter, agent, sentAt);
    } else end(error.code ?? error.message);
  });
  outgoing.end();
}
