import { IS_BEHIND } from './behind.ts';
import { STEERING } from './steer.ts';
import { audit, q } from './words.ts';

export interface BootScript {
  /** `SERVICE-ROLE[-DEST]-VERSION`, and the name a container in its way gets. */
  name: string;
  replacedName: string;
  /** The container's host name: made by the workflow, so it tells this run's container from any other. */
  hostname: string;
  /** Kamal's `docker run`. */
  run: string;
  auditRename: string;
  auditBoot: string;
  /** The network it runs in: `kamal` unless given; Kamal 1's is Docker's own `bridge`. */
  network?: 'kamal' | 'bridge';
  /** What has to be there before it starts. */
  before?: string;
}

/**
 * Boots the running version in the new generation's network, beside the old container. A container that is right already (it runs in
 * that network, and `served` says that it is in use) is left as it is: nothing right is restarted.
 *
 * @param served a shell condition about `$there`
 */
export function boot({ network = 'kamal', before = '', ...args }: BootScript, served: string): string {
  return `
NAME=${q(args.name)}
there=$(id "$NAME"); new=; named=; running=; networks=
[ -z "$there" ] || read -r running named networks <<BACTRIAN_SEEN
$(docker inspect -f '{{.State.Running}} -{{.Config.Hostname}}{{range $n, $x := .NetworkSettings.Networks}} {{$n}}{{end}}' "$there")
BACTRIAN_SEEN
if [ -n "$there" ] && [ "$named" != ${q(`-${args.hostname}`)} ]; then
  within() { case " $networks " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
  if [ "$running" = true ] && within ${network} && ${served}; then
    note "$NAME is there already"
  else
    rename "$there" "$NAME" ${q(args.replacedName)}
    ${audit(args.auditRename)}
    there=
  fi
fi
if [ -z "$there" ]; then
  ${before}
  journal "container $NAME"
  ${audit(args.auditBoot)}
  new=$(${args.run}) || fail StepFailed ${q(`docker could not start ${args.name}`)}
  changed ${q(network === 'kamal' ? `booted ${args.name} in the network kamal` : `booted ${args.name} outside the network kamal`)}
fi
# Docker tells the id of what it has just started.
[ \${#new} = 64 ] || { new=$(id "$NAME"); is_running "$new" || docker start "$new" > /dev/null; }`;
}

/** The role's running containers but the one that is to stay: of the old generation, or left over from somewhere. */
function oldOnes(filters: string[], name: string): string {
  const args = filters.map((filter) => `--filter ${q(`label=${filter}`)}`).join(' ');
  return `old_ones() { keep=$(id ${q(name)}); for i in $(docker ps -q --no-trunc ${args}); do [ "$i" = "$keep" ] || echo "$i"; done; }`;
}

export interface ProveScript extends BootScript {
  warmName: string;
  /** The role's name at the proxy. */
  proxyService: string;
  /** Kamal's `kamal-proxy deploy …`, its target the shell variable `short`. */
  deploy: string;
  /** The same under a name that nobody asks for. */
  proving: string;
  /** One of the names that it serves. */
  host: string;
}

/**
 * Boots a role behind the proxy that doesn't serve yet, and lets that proxy judge its health: what it registers is what
 * the published proxy will restore from the shared volume.
 */
export function proveScript(args: ProveScript): string {
  // What kamal-proxy routes to is healthy, and serves: on a host that was cut off after its cutover.
  return `${STEERING}${IS_BEHIND}${boot(args, `is_running kamal-proxy && docker exec kamal-proxy kamal-proxy list 2> /dev/null | grep -q "$(printf %.12s "$there")"`)}
proxy=${args.warmName}; up=$(docker ps --format '{{.Names}}')
printf '%s\\n' "$up" | grep -qx kamal-proxy && proxy=kamal-proxy
# A host that went down and up again has the app back, but not this proxy: it must not serve after a boot.
printf '%s\\n' "$up" | grep -qxF "$proxy" || { start_warm "$proxy" || fail StepFailed 'the warm kamal-proxy does not start any more'; }
n=0; until docker exec "$proxy" kamal-proxy list > /dev/null 2>&1; do n=$((n + 1)); [ $n -gt 50 ] && break; sleep 0.1; done
short=$(printf %.12s "$new")
deploy() { docker exec "$proxy" ${args.deploy}; }
mine=${q(`routed ${args.proxyService} ${args.host}`)}
# In front of Traefik kamal-proxy serves already, so what it is told here holds at once: the app's own names come with the cutover.
if is_behind && { journalled "$mine" || ! lists kamal-proxy ${q(args.proxyService)}; }; then
  journalled "$mine" || journal "$mine"
  deploy() { docker exec kamal-proxy ${args.proving}; }
else
[ "$proxy" != kamal-proxy ] || docker exec kamal-proxy kamal-proxy list 2> /dev/null | grep -q ${q(args.proxyService)} || journal ${q(`routed ${args.proxyService}`)}
fi
if ! out=$(deploy 2>&1); then
  said "$out"
  last_words "$new"
  fail AppUnhealthy ${q(`${args.name} did not become healthy behind kamal-proxy`)}": $(echo "$out" | tail -n 1)"
fi
note "$proxy takes it for healthy"`;
}

export interface StopOldScript {
  /** The container that stays. */
  name: string;
  filters: string[];
  /** Options of `docker stop`. */
  stopArgs: string;
}

/** The new proxy serves the role by now: the old containers stop, and are kept until prune. */
export function stopOldScript(args: StopOldScript): string {
  return `${oldOnes(args.filters, args.name)}
for i in $(old_ones); do
  # Should it be started again, it is back when it listens where it did.
  listening "$i" > "$D/ports.$i"
  stop "$i" ${args.stopArgs}
  changed "stopped $(docker inspect -f '{{.Name}}' "$i" | tr -d /)"
done`;
}

export interface ReplaceScript extends BootScript, StopOldScript {
  /** Seconds that a container without a health check must have kept running. */
  readinessDelay: number;
  /** Seconds within which it has to become healthy. */
  timeout: number;
}

/**
 * A role without a proxy: the script that sees the new container healthy stops the old one, so that two generations
 * never run longer than that. (Kamal 2.12: `Healthcheck::Poller`: healthy, or running and still so after the delay.)
 */
export function replaceScript(args: ReplaceScript): string {
  return `${oldOnes(args.filters, args.name)}
${boot(args, '[ "$(old_ones)" = "" ]')}
end=$(( $(date +%s) + ${args.timeout} )); begun=never
while :; do
  state=$(health_of "$new"); nap=0.2
  case $state in
    healthy) break ;;
    # One that ends and is started again by Docker runs, too, at times. That it stays only time can tell, that it ends Docker tells at once.
    running) now=$(docker inspect -f '{{.State.StartedAt}}' "$new"); [ "$now" = "$begun" ] || { begun=$now; since=$(centiseconds); }
      left=$(( since + ${args.readinessDelay * 100} - $(centiseconds) ))
      [ $left -gt 0 ] || break
      timeout $(( (left + 99) / 100 )) docker wait "$new" > /dev/null 2>&1 9>&-
      [ $(( $(centiseconds) - since )) -lt ${args.readinessDelay * 100} ] || nap=0 ;;
    *) begun=never ;;
  esac
  if [ "$state" = exited ] || [ "$state" = dead ] || [ $(date +%s) -ge $end ]; then
    last_words "$new"
    fail AppUnhealthy ${q(`${args.name} did not become healthy`)}": it is $state"
  fi
  sleep $nap
done
note "it is $state"
for i in $(old_ones); do
  stop "$i" ${args.stopArgs}
  changed "stopped $(docker inspect -f '{{.Name}}' "$i" | tr -d /)"
done`;
}
