import type { Changes } from '../../lab/project.ts';

/** Who takes the fleet to Kamal 2: bactrian by one of its strategies, or Kamal itself. */
export const contenders = ['handover', 'swap', 'kamal', 'real Kamal'] as const;
export type Contender = (typeof contenders)[number];

/** One line of the benchmark: what is done to the fleet, under which load, and by whom. */
export interface Row {
  name: string;
  title: string;
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
  by: readonly Contender[];
}

const main: Row = {
  name: 'main',
  title: 'all hosts together, an app that boots at once, 50 requests/s',
  perSecond: 50,
  rolling: false,
  kept: true,
  from: 'kamal1',
  changes: {},
  ends: 'kamal2',
  by: contenders,
};

const proxied: readonly Contender[] = ['handover', 'swap', 'real Kamal'];

/** The main row, and then one factor at a time. */
export const rows: readonly Row[] = [
  main,
  { ...main, name: 'rolling', title: 'host by host', rolling: true, by: proxied },
  { ...main, name: 'slow-boot', title: 'an app that takes 8 s to boot', changes: { env: { clear: { BOOT_DELAY: '8' } } }, by: proxied },
  {
    ...main,
    name: 'never-healthy',
    title: 'an app that never becomes healthy',
    // Both wait as long as they are told to; the load goes on as long.
    changes: { env: { clear: { NEVER_HEALTHY: '1' } }, deploy_timeout: 15 },
    ends: 'kamal1',
    by: proxied,
  },
  { ...main, name: 'new-only', title: 'nobody keeps connections, so none has to be waited for', kept: false, by: proxied },
  // Real Kamal would have each certificate issued anew, for which a lab has no names that the world knows.
  { ...main, name: 'tls', title: 'HTTPS, with certificates that Traefik holds; 20 requests/s', perSecond: 20, from: 'tls', by: ['handover', 'swap'] },
  { ...main, name: 'load', title: '200 requests/s', perSecond: 200, by: proxied },
  { ...main, name: 'again', title: 'run again on an upgraded fleet', from: 'upgraded', by: ['handover', 'real Kamal'] },
];
