import type { Strategy, StrategyWish } from '../src/plan/strategy.ts';

/**
 * What goes into a run and what comes out of it: ids, names, options, digests. Never an argv, an environment value or
 * a file's contents: all of this is stored in Temporal's history and shown in its UI.
 */

/** Which way a run goes. The way back reuses the same workflows: the direction is data. */
export type Direction = 'upgrade' | 'downgrade';

export type { Strategy, StrategyWish } from '../src/plan/strategy.ts';

/** What is done with accessories. */
export type AccessoryMode = 'reboot' | 'join' | 'skip';

/** What becomes of a run when a host fails: it ends, it asks, or it goes on with the others. */
export type OnFailure = 'rollback' | 'pause' | 'continue';

/** From where a host is probed while it changes proxies. */
export type ProbeFrom = 'worker' | 'host' | 'off';

/** Hosts that go first, and are watched before any other is touched. */
export interface Canary {
  hosts: string[];
  soakSeconds: number;
  /** Asks a person before it goes on, also when nothing was lost. */
  ask: boolean;
}

/** Where a hook runs and, when asked for, a person is waited for. */
export type Gate = 'pre' | 'post';

export interface RunOptions {
  /** What was asked for; what is done stands in each host's order. */
  strategy: StrategyWish;
  rolling: boolean;
  /** Hosts worked on at once when not rolling. */
  concurrency: number;
  accessories: AccessoryMode;
  pullAccessories: boolean;
  /** For how many seconds at most requests may be held while an accessory reboots; null: they aren't. */
  maxPauseSeconds: number | null;
  /** Gates that wait for a signal before their hook runs. */
  approve: Gate[];
  /** How long a gate waits, in seconds, before it counts as rejected. */
  approvalTimeoutSeconds: number;
  /** Waits for a deploy lock that somebody else holds, instead of ending; null: doesn't. Seconds. */
  lockWait: { timeout: number; interval: number } | null;
  /** Differences between the old proxy's answers and the new one's that a person has accepted, by name. */
  acceptAnswers: string[];
  /** Variables whose places need not be reached from the new network. */
  acceptUnreachable: string[];
  /** A load balancer's own checks, asked on each host before and after the cutover. */
  probeUrls: string[];
  /** Hooks may simply run again when nobody saw how they ended. */
  hooksIdempotent: boolean;
  onFailure: OnFailure;
  /** With `continue`: when more hosts than this have failed, the run ends after all; null: however many. */
  maxFailures: number | null;
  canary: Canary | null;
  probe: ProbeFrom;
}

export interface FleetInput {
  /** The run's own name, part of every host's journal: `20261124-2205-3fa9`. */
  run: string;
  direction: Direction;
  service: string;
  destination: string | null;
  startedBy: string;
  /** Digest of the configuration's snapshot (see `src/kamal`): activities find the configuration by it. */
  digest: string;
  primaryHost: string;
  /** Hosts in Kamal's order. */
  hosts: HostOrder[];
  options: RunOptions;
  /** The hooks that the project has; the others aren't asked for. */
  hooks: string[];
  /** `boot.limit` as a number of hosts, and `boot.wait` in seconds. */
  bootLimit: number | null;
  bootWaitSeconds: number;
  /** A run of ours that is over and whose deploy lock may be taken over. */
  takeOverLockOf: string | null;
  /** How old the plan's look at the hosts was when the run was started, in milliseconds. */
  lookedAgoMs: number;
}

/** What a run does on one host. */
export interface HostOrder {
  host: string;
  /** True when everything of the deployment on this host is on the target generation already: it is only verified. */
  done: boolean;
  /** How this host's proxy is replaced, as the plan decided. */
  strategy: Strategy;
  /** Certificates that Traefik holds are carried over to kamal-proxy. */
  importCertificates: boolean;
  /** A Traefik that serves others, too, comes to stand behind kamal-proxy. */
  keepTraefik: boolean;
  roles: RoleOrder[];
  accessories: string[];
  /** What the plan saw; the workflow's own probes must see the same. */
  fingerprint: string;
}

export interface RoleOrder {
  name: string;
  /** The version that is booted: the one that runs now, unless another one was asked for. */
  version: string;
  runningVersion: string;
  /** The image that runs now. */
  imageId: string;
  /** Of the primary role: its health opens the barrier for the other roles. */
  primary: boolean;
  /** Behind the proxy. */
  proxied: boolean;
}

export type StepState = 'running' | 'done' | 'failed' | 'undone';

/** One line of a host's record: an activity under a name a person understands. */
export interface StepRecord {
  name: string;
  state: StepState;
  /** Milliseconds since the epoch, as the workflow saw them. */
  startedAt: number;
  endedAt: number | null;
  /** What was found or done, a few words. */
  notes: string[];
}

export type HostPhase =
  | 'waiting'
  | 'proving'
  | 'proven'
  | 'cutting over'
  | 'soaking'
  | 'verified'
  | 'accessories'
  | 'finishing'
  | 'putting back'
  | 'needs you'
  | 'done'
  | 'unchanged'
  | 'put back'
  | 'stuck';

export interface Failure {
  step: string;
  type: string;
  message: string;
  /** A 0600 file on the worker's machine with what the host said last, if there is one. */
  logFile: string | null;
  hint: string | null;
}

export interface HostRecord {
  host: string;
  /** 1 the first time the host is begun in this run, 2 after a retry … */
  round: number;
  phase: HostPhase;
  steps: StepRecord[];
  failure: Failure | null;
  /** What the site's clients noticed of this host's change of proxies; null where nothing was measured. */
  meter: MeterReading | null;
  /** The same for a canary's soak. */
  soak: MeterReading | null;
}

/** What requests for the health path, five a second, saw of a host's published port. */
export interface MeterReading {
  /** From where they were sent; null when they could not be. */
  from: 'worker' | 'host' | null;
  url: string | null;
  sent: number;
  /** Without an answer, or with one that says that nothing serves. */
  lost: number;
  /** From the first request that was lost to the next one that was answered, in milliseconds. */
  longestGapMs: number;
  /** Milliseconds in which nothing was sent, because the worker or its connection was away. */
  unwatchedMs: number;
  /** Why nothing, or not all, was measured. */
  why: string | null;
}

/** `done`: on the target generation and verified. `unchanged`: never touched. `put back`: as it was before. */
export type HostOutcome = 'done' | 'unchanged' | 'put back' | 'stuck';

export interface HostResult extends HostRecord {
  outcome: HostOutcome;
  /** True when nothing had to be done. */
  alreadyThere: boolean;
}

export type FleetPhase = 'connecting' | 'probing' | 'waiting for approval' | 'locking' | 'working' | 'accessories' | 'unlocking' | 'over';

/** A gate at which the run stands. */
export interface PendingGate {
  gate: Gate;
  hosts: string[];
  since: number;
}

/** Something only a person can decide. */
export interface PendingQuestion {
  where: string;
  failure: Failure;
  /** The first one is meant when an answer names none. */
  choices: Decision[];
}

export type Decision = 'retry' | 'skip' | 'go-on' | 'abort';

/** Who said what to a run. */
export interface Said {
  at: number;
  what: string;
  by: string;
  why: string | null;
}

/** A host as its run lists it, with the workflow that knows more; null until it is started. */
export interface HostLine {
  host: string;
  phase: HostPhase;
  workflowId: string | null;
}

export interface FleetRecord {
  run: string;
  phase: FleetPhase;
  gate: PendingGate | null;
  question: PendingQuestion | null;
  hosts: HostLine[];
  /** The workflows that reboot accessories: one, or one after each host when rolling. */
  accessories: string[];
  said: Said[];
  failure: Failure | null;
  /** Once the run is over. A run that ends as cancelled can't carry its result in its failure. */
  result: FleetResult | null;
}

export interface FleetResult {
  run: string;
  outcome: 'done' | 'failed' | 'rejected' | 'cancelled';
  hosts: HostResult[];
  accessories: HostRecord[];
  failure: Failure | null;
  said: Said[];
}
