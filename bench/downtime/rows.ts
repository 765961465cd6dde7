import type { Changes } from '../../lab/project.ts';

/** Who takes the fleet from one Kamal to the other: bactrian by one of its strategies, or Kamal itself. */
export const contenders = ['handover', 'swap', 'kamal', 'real Kamal'] as const;
export type Contender = (typeof contenders)[number];

/** One line of the benchmark: what is done to the fleet, under which load, and by whom. */
export interface Row {
  name: string;
  title: string;
  /** To Kamal 2, or back to Kamal 1. */
  goes: 'upgrade' | 'downgrade';
  /** Requests a second and web host over new connections. */
  perSecond: number;
  rolling: boolean;
  /** Whether there are clients that keep their connections, too. */
  kept: boolean;
  /** The state in which the fleet begins: as Kamal 1 left it, the same with HTTPS (one web host), or upgraded already. */
  from: 'kamal1' | 'tls' | 'upgraded';
  /** Over the lab's own `config/deploy.yml`. */
  changes: Changes;
  /** Where the hosts have to be afterwards, if bactrian did it. */
  ends: 'kamal2' | 'kamal1';
  /** Whether it comes to its end, so that proxies do change and times can be compared; else it is put back. */
  succeeds: boolean;
  /** Whether wall times are held against real Kamal's: not where most of both is the same wait. */
  timed: boolean;
  by: readonly Contender[];
}

const main: Row = {
  name: 'main',
  title: 'all hosts together, an app that boots at once, 50 requests/s',
  goes: 'upgrade',
  perSecond: 50,
  rolling: false,
  kept: true,
  from: 'kamal1',
  changes: {},
  ends: 'kamal2',
  succeeds: true,
  timed: true,
  by: contenders,
};

const proxied: readonly Contender[] = ['handover', 'swap', 'real Kamal'];

// Kamal 1.9.3, which alone has a `downgrade`, can't be installed where only PyPI is: its order can be followed, and peer.ts has its figures.
const back: Row = { ...main, name: 'back', title: 'the way back to Kamal 1, all hosts together', goes: 'downgrade', from: 'upgraded', ends: 'kamal1', by: ['handover', 'swap', 'kamal'] };

/** The main row, then one factor at a time, then the way back. */
export const rows: readonly Row[] = [
  main,
  { ...main, name: 'rolling', title: 'host by host', rolling: true, by: proxied },
  { ...main, name: 'slow-boot', title: 'an app that takes 8 s to boot', changes: { env: { clear: { BOOT_DELAY: '8' } } }, timed: false, by: proxied },
  {
    ...main,
    name: 'never-healthy',
    title: 'an app that never becomes healthy',
    // Both wait as long as they are told to; the load goes on as long.
    changes: { env: { clear: { NEVER_HEALTHY: '1' } }, deploy_timeout: 15 },
    ends: 'kamal1',
    succeeds: false,
    timed: false,
    by: proxied,
  },
  { ...main, name: 'new-only', title: 'nobody keeps connections, so none has to be waited for', kept: false, by: proxied },
  // Real Kamal would have each certificate issued anew, for which a lab has no names that the world knows.
  { ...main, name: 'tls', title: 'HTTPS, with certificates that Traefik holds; 20 requests/s', perSecond: 20, from: 'tls', by: ['handover', 'swap'] },
  { ...main, name: 'load', title: '200 requests/s', perSecond: 200, by: proxied },
  { ...main, name: 'again', title: 'run again on an upgraded fleet', from: 'upgraded', by: ['handover', 'real Kamal'] },
  back,
  { ...back, name: 'back-rolling', title: 'the way back, host by host', rolling: true, by: ['handover', 'swap'] },
];

/** What `--quick` measures: each way once. */
export const mainRows: readonly string[] = ['main', 'back'];
