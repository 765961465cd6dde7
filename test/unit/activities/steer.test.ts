import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { STEERING } from '../../../activities/script/steer.ts';
import { LocalHost } from './local-host.ts';

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
  mkdirSync(host.path('run'));
});
afterEach(() => {
  host.remove();
});

/** Lines that the words print, on a host whose warm proxy is published on 21080 and 21443. */
async function words(published: string[], text: string): Promise<string[]> {
  writeFileSync(host.path('run/published'), `${published.join('\n')}\n`);
  writeFileSync(host.path('run/warm-ports'), '80 21080\n443 21443\n');
  const { code, output } = await host.sh('sh -s', `RUN=run-7; D=run; UNTIL=1800\n${STEERING}\n${text}`);
  expect(code, output).toBe(0);
  return output.split('\n').filter(Boolean);
}

const MARK = '-m comment --comment "bactrian run-7 steer until 1800"';

describe('the rules that steer', () => {
  it('send IPv4 from outside and from the host to the warm proxy, and what a DNAT would lose to its published port', async () => {
    expect(await words(['80 - 80'], 'steer4 172.18.0.5 both "docker0 br-+"')).toEqual([
      `-I PREROUTING 1 -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL ${MARK} -j DNAT --to-destination 172.18.0.5:80`,
      `-I PREROUTING 1 -i docker0 -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL ${MARK} -j REDIRECT --to-ports 21080`,
      `-I PREROUTING 1 -i br-+ -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL ${MARK} -j REDIRECT --to-ports 21080`,
      `-I OUTPUT 1 -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL ${MARK} -j DNAT --to-destination 172.18.0.5:80`,
      `-I OUTPUT 1 -d 127.0.0.0/8 -p tcp -m tcp --dport 80 ${MARK} -j REDIRECT --to-ports 21080`,
    ]);
  });

  it('send all of IPv6 to the published port', async () => {
    expect(await words(['80 - 80', '443 2001:db8::7 8443'], 'steer6')).toEqual([
      `-I PREROUTING 1 -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL ${MARK} -j REDIRECT --to-ports 21080`,
      `-I OUTPUT 1 -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL ${MARK} -j REDIRECT --to-ports 21080`,
      `-I PREROUTING 1 -p tcp -m tcp --dport 8443 -d 2001:db8::7 ${MARK} -j REDIRECT --to-ports 21443`,
      `-I OUTPUT 1 -p tcp -m tcp --dport 8443 -d 2001:db8::7 ${MARK} -j REDIRECT --to-ports 21443`,
    ]);
  });

  it.each([
    ['everything by REDIRECT where Docker keeps its rules elsewhere', 'redirect', 'REDIRECT --to-ports 21443'],
    ['everything by DNAT where nothing listens for the published port', 'dnat', 'DNAT --to-destination 172.18.0.5:443'],
  ])('send %s', async (_, how, target) => {
    const rules = await words(['443 - 9443'], `steer4 172.18.0.5 ${how} docker0`);
    expect(rules).toHaveLength(3);
    for (const rule of rules) expect(rule).toMatch(new RegExp(` --dport 9443 .*-j ${target}$`));
  });

  it('keep to the addresses that the ports are bound to', async () => {
    const rules = await words(['80 192.0.2.1 80', '80 127.0.0.1 80', '80 2001:db8::7 80'], 'steer4 172.18.0.5 both docker0');
    expect(rules).toHaveLength(4);
    expect(rules.filter((rule) => rule.includes('-d 192.0.2.1'))).toHaveLength(3);
    expect(rules.at(-1)).toBe(`-I OUTPUT 1 -d 127.0.0.1 -p tcp -m tcp --dport 80 ${MARK} -j REDIRECT --to-ports 21080`);
  });

  it('leave alone what the warm proxy does not have', async () => {
    expect(await words(['9090 - 9090'], 'steer4 172.18.0.5 both docker0; steer6')).toEqual([]);
  });
});

it("where Docker keeps its rules in nftables, they are in a table of the run's own, ahead of all that change addresses", async () => {
  const mark = 'comment "bactrian run-7 steer until 1800"';
  const published = ['80 - 80', '443 192.0.2.1 8443', '443 127.0.0.1 8443', '80 2001:db8::7 81', '9090 - 9090'];
  expect(await words(published, 'nft_table ip')).toEqual([
    'table ip bactrian-run-7',
    'delete table ip bactrian-run-7',
    'table ip bactrian-run-7 {',
    'chain outside {',
    'type nat hook prerouting priority -105',
    `tcp dport 80 fib daddr type local counter redirect to :21080 ${mark}`,
    `tcp dport 8443 ip daddr 192.0.2.1 counter redirect to :21443 ${mark}`,
    '}',
    'chain here {',
    'type nat hook output priority -105',
    `tcp dport 80 fib daddr type local counter redirect to :21080 ${mark}`,
    `tcp dport 8443 ip daddr 192.0.2.1 counter redirect to :21443 ${mark}`,
    `tcp dport 8443 ip daddr 127.0.0.1 counter redirect to :21443 ${mark}`,
    '}',
    '}',
  ]);
  expect(await words(published, 'nft_rules ip6 outside; nft_rules ip6 here')).toEqual(
    Array.from({ length: 2 }, () => [`tcp dport 80 fib daddr type local counter redirect to :21080 ${mark}`, `tcp dport 81 ip6 daddr 2001:db8::7 counter redirect to :21080 ${mark}`]).flat(),
  );
});

it('the warm ports are shut to all but the host itself, and only who was steered is let in', async () => {
  const mark = '-m comment --comment "bactrian run-7 keep until 1800"';
  expect(await words(['80 - 80', '443 - 8443'], 'shut; let_in')).toEqual([
    `-I PREROUTING 1 ! -i lo -p tcp -m tcp --dport 21080 -m addrtype --dst-type LOCAL ${mark} -j DROP`,
    `-I PREROUTING 1 ! -i lo -p tcp -m tcp --dport 21443 -m addrtype --dst-type LOCAL ${mark} -j DROP`,
    `-I INPUT 1 -p tcp -m conntrack --ctstate DNAT --ctorigdstport 80 ${mark} -j ACCEPT`,
    `-I INPUT 1 -p tcp -m conntrack --ctstate DNAT --ctorigdstport 8443 ${mark} -j ACCEPT`,
  ]);
});

it('the ports of a container are read as Docker has them, in any form of address', async () => {
  writeFileSync(host.path('docker'), `#!/bin/sh\nprintf '80/tcp 0.0.0.0 80\\n80/tcp :: 80\\n443/tcp - 8443\\n443/tcp [2001:db8::7] 8443\\n443/udp - 8443\\n80/tcp 192.0.2.1 81\\n'\n`, { mode: 0o755 });
  expect(await words([], 'PATH=$PWD:$PATH; published x')).toEqual(['443 - 8443', '443 2001:db8::7 8443', '80 - 80', '80 192.0.2.1 81']);
});

it("a run's rules are replaced at once, and nobody else's are touched", async () => {
  mkdirSync(host.path('bin'));
  const saved = [
    '*nat',
    '-A PREROUTING -p tcp -m comment --comment "bactrian run-7 steer until 1500" -j DNAT --to-destination 172.18.0.9:80',
    '-A PREROUTING -p tcp -m comment --comment "bactrian run-77 steer until 1500" -j DNAT --to-destination 172.18.0.8:80',
    '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
    'COMMIT',
  ];
  writeFileSync(host.path('bin/iptables-save'), `#!/bin/sh\ncat <<'E'\n${saved.join('\n')}\nE\n`, { mode: 0o755 });
  writeFileSync(host.path('bin/iptables-restore'), `#!/bin/sh\necho "$@" > words; cat > rules\n`, { mode: 0o755 });
  await words(['80 - 80'], `AS_ROOT=; FW=; PATH=$PWD/bin:$PATH; echo '-I PREROUTING 1 -p tcp new' | renew iptables nat steer`);
  expect(readFileSync(host.path('words'), 'utf8').trim()).toBe('-w 5 --noflush');
  expect(readFileSync(host.path('rules'), 'utf8').trim().split('\n')).toEqual([
    '*nat',
    '-D PREROUTING -p tcp -m comment --comment "bactrian run-7 steer until 1500" -j DNAT --to-destination 172.18.0.9:80',
    '-I PREROUTING 1 -p tcp new',
    'COMMIT',
  ]);
});
