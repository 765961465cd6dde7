import type { Deployment } from '../../src/kamal/index.ts';
import { STEERING } from './steer.ts';
import { WATCH } from './watch.ts';
import { q } from './words.ts';

export interface HandoverScript {
  warmName: string;
  /** Containers that the new proxy will serve: they must still run when the old one goes. */
  containers: string[];
  /** The proxy that serves, and the one that is to. */
  way: Way;
  /** How long connections that are open may take to come to their end, in seconds. */
  drainSeconds: number;
}

/** From which proxy to which, both by the names of their containers. */
export interface Way {
  old: string;
  new: string;
  /** The function `knows CONTAINER`: that proxy, warm or published, serves the app; and what words it needs beyond `STEERING`. */
  knows: string;
}

/** Keeps that function beside the journal: whoever puts the host back has the journal, and maybe no configuration. */
export function keepKnows({ knows }: Way): string {
  return `cat > "$D/knows.new" <<'BACTRIAN_KNOWS' && mv "$D/knows.new" "$D/knows"
${knows}
BACTRIAN_KNOWS`;
}

/** To kamal-proxy, which must know these services; without any it has to answer. */
export function toKamalProxy(services: readonly string[]): Way {
  const knows = services.length > 0 ? `lists "$1" ${services.map(q).join(' ')}` : 'docker exec "$1" kamal-proxy list > /dev/null 2>&1';
  return { old: 'traefik', new: 'kamal-proxy', knows: `knows() { ${knows}; }` };
}

/** Beyond the drain, everything a handover does: two starts, one stop, and patience with an engine that is slow. Seconds. */
const SLOW_HOST_SECONDS = 120;
/** Longer than both proxies' own grace for what they still answer when they are told to stop (10 s). */
const STOP_SECONDS = 15;

/**
 * Strategy `handover`: new connections are steered to the warm proxy while the old one makes place for the published one, so
 * at no moment does nothing serve. Each line may be the last one: what is journalled, marked and running by then is what
 * the next attempt, the watch or a boot goes on from.
 */
export function handoverScript({ warmName, containers, way, drainSeconds }: HandoverScript): string {
  return `${STEERING}${WATCH}
${way.knows}
UNTIL=$(( $(date +%s) + ${drainSeconds + SLOW_HOST_SECONDS} ))
old=$(id ${way.old}); new=$(id ${way.new}); warm=$(id ${warmName})
[ -n "$new" ] || fail CutoverFailed '${way.new} is gone: it was created in an earlier step'
for c in ${containers.map(q).join(' ')}; do
  i=$(id "$c"); [ -n "$i" ] && is_running "$i" || { answering; fail CutoverFailed "$c, which was healthy, does not run any more"; }
done
again() { answering; fail HostUnreachable "$1"; }
# give_up WHY: the old proxy serves as before
give_up() {
  answering
  # An engine that was restarted has ended the warm proxy, which nobody starts again but the next attempt, and any other may be
  # on its way up: nothing of what was seen meanwhile says that the new path doesn't serve.
  [ -z "$warmed" ] || is_running "$warm" || again 'the warm ${way.new} went away in the midst of it'
  is_running "$new" && { last_words "$new"; docker stop "$new" > /dev/null; }
  # Power that was cut while Docker published a port can leave it with one that nobody has (seen with 20.10): better the warm proxy than none.
  [ -z "$old" ] || is_running "$old" || docker start "$old" > /dev/null || { is_steered && again "$1; the old proxy does not start either, and the warm ${way.new} goes on serving: if a port is 'already allocated', restarting Docker helps"; }
  n=0; [ -z "$old" ] || until ask "$(address_of "$old")" 80 > /dev/null; do n=$((n + 1)); [ $n -lt 50 ] || break; sleep 0.2; done
  unsteer
  fail CutoverFailed "$1; the old proxy serves as before"
}
warmed=
if ! is_running "$new"; then
  [ -n "$warm" ] || fail CutoverFailed 'the warm ${way.new} is gone'
  ${keepKnows(way)}
  stay
  start_warm "$warm" || again 'the warm ${way.new} does not start'
  warmed=yes
  n=0; until knows "$warm"; do n=$((n + 1)); [ $n -lt 50 ] || give_up 'the warm ${way.new} does not know the app'; sleep 0.1; done
  journalled "steered $warm" || journal "steered $warm"
  steer "$warm" "$new" "$old" || give_up "new connections can't be steered past the old proxy"
  watch
  t0=$(centiseconds)
  read -r address port <<BACTRIAN_ADDRESS
$(own_address)
BACTRIAN_ADDRESS
  [ -z "$port" ] || { ask "$address" "$port" > /dev/null && was_hit; } || give_up "a request to $address:$port did not reach the warm ${way.new}"
  if [ -n "$old" ]; then
    # Stopped by hand, a container with the policy unless-stopped stays down at boot; with always it comes back.
    p=$(policy_of "$old"); [ "$p" = always ] || { journal "policy $old $p"; docker update --restart always "$old" > /dev/null; }
    if is_running "$old"; then
      drain "$old" ${drainSeconds}
      [ "$OPEN" = 0 ] && note "the old proxy's connections came to their end within $(( ($(centiseconds) - t0) * 10 )) ms, at most $DRAINED at once" ||
        note "$OPEN of the old proxy's connections were still open after ${drainSeconds} s: it closes what is idle, and has ${STOP_SECONDS} s for the rest"
    fi
    is_steered || again 'the warm ${way.new} went away, and requests reach the old one again'
    journalled "stopped $old always" || journal "stopped $old always"
    docker stop -t ${STOP_SECONDS} "$old" > /dev/null || again 'the old proxy could not be stopped'
  fi
  journalled "started $new" || journal "started $new"
  if ! out=$(docker start "$new" 2>&1); then said "$out"; give_up "${way.new} did not start: $(echo "$out" | tail -n 1)"; fi
  changed "new connections went to the warm ${way.new} while ${way.old} left and ${way.new} came: none waited"
fi
n=0
until knows "$new" && ask "$(address_of "$new")" 80 > /dev/null; do
  n=$((n + 1)); [ $n -lt 50 ] || give_up '${way.new} started but does not serve the app'
  sleep 0.1
done
# Another attempt may have died before this line: whichever runs it, the old proxy must not come back at boot.
if [ -n "$old" ]; then
  ! is_running "$old" || docker stop -t ${STOP_SECONDS} "$old" > /dev/null
  docker update --restart no "$old" > /dev/null
fi
unsteer
if is_running ${warmName}; then is_retiring || retire ${warmName} ${drainSeconds}; else unkeep; fi`;
}

/** However long connections may drain, the script that waits for it has to end within its step's time. Seconds. */
const LONGEST_DRAIN_SECONDS = 300;

/** How long a cutover waits for open connections, in seconds: the deployment's `drain_timeout`, at most five minutes. */
export function drainSeconds(deployment: Deployment): number {
  return Math.min(deployment.timeouts.drainTimeout, LONGEST_DRAIN_SECONDS);
}

/** How long the run waits for a warm proxy that nobody is connected to any more, in seconds; the host does the rest by itself. */
const LET_GO_WAIT_SECONDS = 3;

/**
 * The end of the warm proxy. Connections that stay open to it (clients that keep theirs, websockets) have until their
 * drain time-out: nobody waits for that, since the process that lets it go also takes it away.
 */
export function letWarmGo(warmName: string, drainSeconds: number): string {
  return `${STEERING}${WATCH}
answering
if [ -n "$(id ${warmName})" ]; then
  ! is_running ${warmName} || is_retiring || retire ${warmName} ${drainSeconds}
  pid=$(pid_of ${warmName}); ports=$(published ${warmName} | cut -d ' ' -f 1 | sort -u | tr '\n' ' '); n=0; kept=0
  while is_retiring && [ $n -lt ${LET_GO_WAIT_SECONDS * 5} ] && [ $kept -lt 2 ]; do
    n=$((n + 1)); sleep 0.2
    if [ "$(connections "$pid" $ports)" = 0 ]; then kept=0; else kept=$((kept + 1)); fi
  done
  if is_retiring; then
    note 'what is still connected to the warm proxy comes to its end within ${drainSeconds} s; then it goes by itself'
  else
    docker rm -f ${warmName} > /dev/null 2>&1; answering; [ -z "$(id ${warmName})" ] || fail HostUnreachable 'the warm proxy could not be removed: was Docker restarted?'
    unsteer; unkeep
    rm -f "$SD"/steered "$SD"/words "$SD"/watch.out "$SD"/retire.out "$SD"/retiring
  fi
fi`;
}
