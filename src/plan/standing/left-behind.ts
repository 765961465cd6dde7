import { containerNamed, inKamalNetwork, OWNER_LABEL, TRAEFIK, type JournalFacts, type LockFacts } from '../facts.ts';
import { heldInWords, releaseInWords } from '../lock-words.ts';
import { accessoryContainer, containersOf } from '../running.ts';
import { HOME, span, type Oddity } from './oddity.ts';
import type { OpenRun, Seen } from './seen.ts';

/** What somebody has left on a host, or holds: deploy locks, runs that were cut off, rules, what is kept for a way back. */
export function leftBehind(seen: Seen): Oddity[] {
  return [...lockOddities(seen), ...runOddities(seen), ...steeringOddities(seen), ...keptOddities(seen), ...recordOddities(seen), ...accessoryOddities(seen)];
}

/** A run of ours holds two locks, Kamal 2's and Kamal 1's: told of in one line. */
function lockOddities({ facts: { locks }, open, now }: Seen): Oddity[] {
  const runOf = ({ details, intendedBy }: LockFacts) => (details === null ? intendedBy : (/bactrian run (\S+)/.exec(details)?.[1] ?? null));
  const runs = [...new Set(locks.flatMap((lock) => runOf(lock) ?? []))];
  const ours = runs.map((run): Oddity => {
    const paths = locks.filter((lock) => runOf(lock) === run).map(({ path }) => path);
    const what = `the deploy lock ${paths.join(', ')} is held by run ${run} of bactrian`;
    if (open.asked && open.run === run) return { id: 'lock', weight: 'note', what: `${what}, which is open`, todo: null };
    return { id: 'lock', weight: 'warn', what: `${what}${whatOf(open)}`, todo: '`bactrian unlock` releases it, the next `upgrade` or `downgrade` takes it over' };
  });
  const others = locks.filter((lock) => runOf(lock) === null).map((lock): Oddity => ({ id: 'lock', weight: 'warn', what: heldInWords(lock, (since) => ` (${span(now - since)})`), todo: releaseInWords(lock) }));
  return [...ours, ...others];
}

function whatOf(open: OpenRun): string {
  return open.asked ? ', which is over' : `; ${open.why}`;
}

/** One line a run, whatever of it was cut off; the journal of its lock is told of with the lock. */
function runOddities({ facts: { journals }, open, now }: Seen): Oddity[] {
  const runs = [...new Set(journals.filter(({ journal }) => journal !== 'lock').map(({ run }) => run))];
  return runs.map((run): Oddity => {
    const own = journals.filter((each) => each.run === run && each.journal !== 'lock');
    const last = own.reduce((a, b) => ((b.changedAt ?? 0) > (a.changedAt ?? 0) ? b : a));
    const did = `${last.changedAt === null ? '' : `${span(now - last.changedAt)} ago, `}its last act here: ${actInWords(last)}`;
    if (open.asked && open.run === run) return { id: 'cut-off', weight: 'note', what: `run ${run} is open and at work here (${did})`, todo: '`bactrian watch` follows it' };
    const said = open.asked ? 'was cut off here' : `is not finished here; ${open.why}`;
    return {
      id: 'cut-off',
      weight: 'warn',
      what: `run ${run} ${said} (${did})`,
      todo: `${own.some(({ journal }) => journal === 'app') ? HOME : 'the next `bactrian upgrade` or `downgrade` puts its accessories in order'}: what that run did is undone first`,
    };
  });
}

/** The name of a second proxy, but for its run. */
const WARM = /^(?:kamal-proxy|traefik)-warm-/;

const ACTS: Record<string, string> = {
  container: 'made the container', stopped: 'stopped', started: 'started', renamed: 'renamed', policy: 'changed the restart policy of', steered: 'steered requests to',
  guarded: 'shut the ports of its second proxy', directory: 'made the directory', file: 'wrote the file', 'replaced-file': 'wrote the file', network: 'made the network',
  volume: 'made the volume', image: 'pulled', tag: 'tagged', routed: 'made kamal-proxy route', connected: 'joined a network', certificate: 'carried a certificate over', tree: 'made the files below',
};

/** Ids tell nobody anything; names and paths do. */
function actInWords({ last }: JournalFacts): string {
  const [verb = '', object = ''] = last.split(' ');
  const words = ACTS[verb] ?? verb;
  return /^[0-9a-f]{64}$/.test(object) ? `${words} ${object.slice(0, 12)}` : `${words} ${object}`.trim();
}

/** Second proxies and the rules that lead to them, of runs that aren't open. Those of another deployment are its own. */
function steeringOddities({ facts, rules, open, deployment: { service, destination } }: Seen): Oddity[] {
  const name = destination === null ? service : `${service}-${destination}`;
  const others = facts.containers.filter(({ labels }) => (labels[OWNER_LABEL] ?? name) !== name).map((container) => container.name.replace(WARM, ''));
  const warm = facts.containers.flatMap(({ name, running }) => {
    return WARM.test(name) ? [{ run: name.replace(WARM, ''), name, running }] : [];
  });
  const runs = [...new Set([...warm.map(({ run }) => run), ...(rules ?? []).map(({ run }) => run)])].filter((run) => !others.includes(run) && !(open.asked && open.run === run));
  return runs.map((run): Oddity => {
    const { count, retiring } = rules?.find((each) => each.run === run) ?? { count: 0, retiring: false };
    if (retiring) return { id: 'steering', weight: 'note', what: `the second proxy of run ${run} lets its last connections go`, todo: null };
    const proxies = warm.filter((each) => each.run === run).map(({ name, running }) => `${name}, which ${running ? 'runs' : 'is stopped'}`);
    const cutOff = facts.journals.some((each) => each.run === run && each.journal === 'app');
    return {
      id: 'steering',
      weight: 'warn',
      what: `left of run ${run}: ${[...(count > 0 ? [`${count} packet filter rule${count === 1 ? '' : 's'}`] : []), ...proxies].join(' and ')}`,
      todo: cutOff ? 'goes with what that run did here' : '`bactrian cleanup` takes it away',
    };
  });
}

/** Stopped containers of the other generation, from which a role or Traefik could come back. */
function keptOddities({ facts, deployment, roles, generation }: Seen): Oddity[] {
  if (generation !== 'kamal1' && generation !== 'kamal2') return [];
  const traefik = containerNamed(facts, TRAEFIK);
  const other = roles.flatMap((role) => containersOf(facts, deployment, role)).filter((container) => !container.running && inKamalNetwork(container) !== (generation === 'kamal2'));
  const kept = [...other.map(({ name }) => name), ...(traefik && !traefik.running ? [TRAEFIK] : [])];
  if (kept.length === 0) return [];
  return [{ id: 'kept', weight: 'note', what: `kept from Kamal ${generation === 'kamal2' ? 1 : 2}, stopped: ${kept.join(', ')}`, todo: null }];
}

/** What `bactrian downgrade` goes by where it is given no configuration of Kamal 1. */
function recordOddities({ record, generation, now }: Seen): Oddity[] {
  if (record === null) return [];
  const what = `how Kamal 1 ran here is written down (${span(now - record.writtenAt)} ago)`;
  if (record.used) return [{ id: 'record', weight: 'note', what: `${what}, and a way back has used it`, todo: '`bactrian cleanup` takes it away' }];
  return generation === 'kamal1' ? [] : [{ id: 'record', weight: 'note', what: `${what}: \`bactrian downgrade\` needs no old configuration`, todo: null }];
}

function accessoryOddities({ facts, accessories, generation }: Seen): Oddity[] {
  return accessories.flatMap((accessory): Oddity[] => {
    const container = accessoryContainer(facts, accessory);
    if (!container) return [{ id: 'accessory', weight: 'warn', what: `accessory ${accessory.name} has no container here`, todo: '`kamal accessory boot`' }];
    if (!container.running) return [{ id: 'accessory', weight: 'fail', what: `accessory ${accessory.name} is ${container.status}`, todo: `\`docker start ${container.name}\` on the host; its log says why (\`docker logs\`)` }];
    const own = container.networks.some((network) => network !== 'bridge' && network !== 'host');
    if (generation === 'kamal2' && !own) return [{ id: 'accessory', weight: 'warn', what: `accessory ${accessory.name} still runs as Kamal 1 made it, outside the network kamal`, todo: '`bactrian upgrade` reboots or joins it' }];
    if (generation === 'kamal1' && inKamalNetwork(container)) return [{ id: 'accessory', weight: 'warn', what: `accessory ${accessory.name} is in the network kamal`, todo: '`bactrian downgrade` reboots it out of it' }];
    return [];
  });
}
