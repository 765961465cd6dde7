import { app, line, type Deployment, type Role } from '../kamal/index.ts';
import type { ContainerFacts, HostFacts } from './facts.ts';

/** What an app container will be started with that it isn't running with now, in words. Values are never in it. */
export interface Differences {
  envAdded: string[];
  envRemoved: string[];
  envChanged: string[];
  /** Variables that will be there, but empty. */
  envEmptied: string[];
  mountsRemoved: string[];
  mountsAdded: string[];
  cmd: { now: string; next: string } | null;
}

/** Set by Kamal itself: they differ between the generations on purpose. */
const KAMALS_OWN = new Set(['KAMAL_CONTAINER_NAME', 'KAMAL_VERSION', 'KAMAL_HOST', 'KAMAL_DESTINATION']);
/** Kamal 1's cord: its way to take a container out of Traefik. */
const CORD = '/tmp/kamal-cord';

/**
 * Compares what runs with what will run (design: a person decides with open eyes).
 *
 * @param wantedEnv the environment that the new container gets from the configuration, secrets included
 */
export function differences(facts: HostFacts, deployment: Deployment, role: Role, running: ContainerFacts, wantedEnv: ReadonlyMap<string, string>): Differences {
  return differencesFrom(facts, running, { run: app.run(deployment, { role, host: facts.host, version: 'v' }), cmd: role.cmd }, wantedEnv);
}

/** The same for whatever will be started, on the way back, too. `run` is its `docker run`. */
export function differencesFrom(facts: HostFacts, running: ContainerFacts, then: { run: readonly string[]; cmd: string | null }, wantedEnv: ReadonlyMap<string, string>): Differences {
  const inherited = facts.imageEnv[running.image.id] ?? {};
  const own = Object.entries(running.env).filter(([name, value]) => !KAMALS_OWN.has(name) && inherited[name] !== value);
  const now = new Map(own);
  const names = (test: (name: string) => boolean, from: Iterable<string>) => [...from].filter(test).sort();
  const wanted = [...wantedEnv.keys()].filter((name) => !KAMALS_OWN.has(name));
  const mountsThen = mountTargets(then.run).filter((target) => target !== CORD);
  const mountsNow = running.mounts.map((mount) => mount.destination).filter((target) => target !== CORD);
  const next = then.cmd ?? '';
  return {
    envAdded: names((name) => !now.has(name) && inherited[name] !== wantedEnv.get(name), wanted),
    envRemoved: names((name) => !wantedEnv.has(name), now.keys()),
    envChanged: names((name) => now.has(name) && now.get(name) !== wantedEnv.get(name), wanted),
    envEmptied: names((name) => wantedEnv.get(name) === '' && now.get(name) !== '', wanted),
    mountsRemoved: mountsNow.filter((target) => !mountsThen.includes(target)),
    mountsAdded: mountsThen.filter((target) => !mountsNow.includes(target)),
    cmd: next !== '' && !sameCommand(next, running.cmd) ? { now: running.cmd.join(' '), next } : null,
  };
}

/** A variable that goes or becomes empty needs a yes of its own: it is how a migration loses a database. */
export function losesEnv(differences: Differences): boolean {
  return differences.envRemoved.length > 0 || differences.envEmptied.length > 0;
}

export function isEmpty(differences: Differences): boolean {
  return Object.values(differences).every((value) => value === null || (Array.isArray(value) && value.length === 0));
}

/** Where the new container will have something mounted. */
function mountTargets(words: readonly string[]): string[] {
  return words.flatMap((word, at) => {
    if (word !== '--volume' && word !== '-v') return [];
    const target = (words[at + 1] ?? '').replaceAll('"', '').split(':')[1];
    return target ? [target] : [];
  });
}

function sameCommand(configured: string, running: string[]): boolean {
  return line(configured.split(/\s+/)) === running.join(' ') || configured === running.at(-1);
}
