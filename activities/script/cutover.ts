import type { Way } from './handover.ts';
import { STEERING } from './steer.ts';
import { q } from './words.ts';

export interface CutoverScript {
  warmName: string;
  /** Containers that the new proxy will serve: they must still run when the old one goes. */
  containers: string[];
  /** Ports of the host on which the published proxy must answer; empty where it publishes none. */
  ports: number[];
  way: Way;
}

/**
 * Strategy `swap`: one `docker stop` and one `docker start`, and at each line something that serves starts by itself
 * when the host boots. A second process watches: should this script die in between, it brings one of the two proxies up.
 */
export function swapScript({ warmName, containers, ports, way }: CutoverScript): string {
  return `${STEERING}${way.knows}
old=$(id ${way.old}); new=$(id ${way.new})
[ -n "$new" ] || fail CutoverFailed '${way.new} is gone: it was created in an earlier step'
for c in ${containers.map(q).join(' ')}; do
  i=$(id "$c"); [ -n "$i" ] && is_running "$i" || fail CutoverFailed "$c, which was healthy, does not run any more"
done
answers() { is_running "$new" && knows "$new"; }
watch() {
  setsid sh -c '
    exec 9>&-
    while kill -0 "$1" 2>/dev/null; do sleep 1; done
    # Whatever works on the host now decides for itself which proxy serves; only where nobody does, this one does.
    exec 9> "$4"; flock 9
    for i in "$3" "$2"; do [ "$(docker inspect -f "{{.State.Running}}" "$i" 2>/dev/null)" = true ] && exit; done
    docker start "$3" || docker start "$2"
  ' watch "$$" "$old" "$new" "$B/lock" > /dev/null 2>&1 < /dev/null &
}
if ! is_running "$new"; then
  if [ -n "$old" ]; then
    # Stopped by hand, a container with the policy unless-stopped stays down at boot; with always it comes back.
    p=$(policy_of "$old"); [ "$p" = always ] || { journal "policy $old $p"; docker update --restart always "$old" > /dev/null; }
    watch
    journal "stopped $old always"
    journal "started $new"
    t0=$(centiseconds)
    docker stop "$old" > /dev/null
  else
    journal "started $new"; t0=$(centiseconds)
  fi
  if ! out=$(docker start "$new" 2>&1); then
    said "$out"
    [ -n "$old" ] && docker start "$old" > /dev/null
    fail CutoverFailed "${way.new} did not start, the old proxy serves again: $(echo "$out" | tail -n 1)"
  fi
  changed "${way.old} out, ${way.new} in: $(( ($(centiseconds) - t0) * 10 )) ms between them"
fi
n=0
until answers; do
  n=$((n + 1))
  if [ $n -ge 50 ]; then
    last_words "$new"
    docker stop "$new" > /dev/null; [ -n "$old" ] && docker start "$old" > /dev/null
    fail CutoverFailed '${way.new} started but does not answer; the old proxy serves again'
  fi
  sleep 0.1
done
${ports.length > 0 ? `note '${way.new} publishes ${ports.join(', ')}'` : ''}
# Another attempt may have died before this line: whichever runs it, the old proxy must not come back at boot.
if [ -n "$old" ]; then
  is_running "$old" && { docker stop "$old" > /dev/null; }
  docker update --restart no "$old" > /dev/null
fi
docker rm -f ${warmName} > /dev/null 2>&1 || :`;
}
