import { expect } from 'vitest';

import type { Lab } from '../../lab/lab.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { lab } from './the-lab.ts';

/**
 * A host whose firewall lets in SSH, HTTP and what belongs to a connection, over IPv4 and IPv6, and drops the rest.
 * @param ports where it lets HTTP in
 */
export async function dropInput(host: string, { ports = [80, 443], on = lab }: { ports?: number[]; on?: Lab } = {}): Promise<void> {
  const ended = await on.exec(
    host,
    `set -e
     for t in iptables ip6tables; do
       $t -A INPUT -i lo -j ACCEPT
       $t -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
       $t -A INPUT -p tcp -m multiport --dports ${[22, ...ports].join(',')} -j ACCEPT
     done
     iptables -P INPUT DROP
     ip6tables -A INPUT -p icmpv6 -j ACCEPT; ip6tables -P INPUT DROP`,
  );
  if (ended.code !== 0) throw new Error(ended.stderr);
}

/**
 * Rules of ours on the host, warm proxies, and processes that watch or let go: nothing when all is over. A warm proxy to
 * which somebody is still connected has its time for that, after the run.
 */
export async function rulesLeft(host: string, on: Lab = lab): Promise<string> {
  const { stdout } = await on.exec(
    host,
    `n=0; while docker ps -q --filter name=warm | grep -q . && [ $n -lt 50 ]; do n=$((n + 1)); sleep 1; done; sleep 1
     for t in iptables ip6tables; do $t-save | grep bactrian; done
     ! command -v nft > /dev/null || nft list tables | grep bactrian
     docker ps -a --format '{{.Names}}' | grep warm
     for p in /proc/[0-9]*; do tr '\\0' ' ' 2>/dev/null < $p/cmdline | grep -o 'bactrian-[a-z]* [0-9].*'; done; :`,
  );
  return stdout.trim();
}

/** By a handover: not one request, of no kind of client. */
export function expectNothingLost(streams: readonly StreamSummary[]): void {
  for (const stream of streams) {
    // A connection that is kept may be used just as its proxy closes it, which a client can't know: that and nothing else.
    const closing = stream.name.endsWith(', kept') ? (stream.reasons.ECONNRESET ?? 0) : 0;
    const said = JSON.stringify(stream);
    expect(closing, said).toBeLessThan(3);
    expect(stream.lost - closing, said).toBe(0);
    expect(stream.good, said).toBeGreaterThan(20);
  }
}
