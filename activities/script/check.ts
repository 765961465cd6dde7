import { q } from './words.ts';

/**
 * Looks closer at a host than a run needs to, and prints what it sees in sections (`src/plan/check/look.ts` reads them).
 * Leaves no trace.
 *
 * @param containers ids whose listening sockets are wanted
 * @param images ids whose sizes are wanted
 */
export function checkScript(containers: readonly string[], images: readonly string[]): string {
  return `
section() { printf '\\n@@%s\\n' "$1"; }
section sizes; ${images.length === 0 ? ':' : `docker image inspect -f '{{.Id}}\t{{.Size}}' ${images.map(q).join(' ')} 2> /dev/null`}
section registries; docker info -f '{{json .RegistryConfig}}' 2> /dev/null
section through-proxy; [ -z "$(docker info -f '{{.HTTPSProxy}}{{.HTTPProxy}}' 2> /dev/null)" ] || echo yes
section holders; ss -Hltnp 2> /dev/null
section sockets
for c in ${containers.map(q).join(' ')}; do
  p=$(docker inspect -f '{{.State.Pid}}' "$c" 2> /dev/null)
  # Each process shows the sockets of the network that it is in; a host that hides others' processes leaves the container itself.
  { cat "/proc/$p/net/tcp" "/proc/$p/net/tcp6" 2> /dev/null || docker exec "$c" cat /proc/net/tcp /proc/net/tcp6 2> /dev/null; } | awk -v c="$c" '$4 == "0A" { print c "\t" $2 }'
done
section end; :`;
}
