import { PRINT_PROXY_CERTIFICATES, printTraefikCertificates } from './held-certificates.ts';
import { PROOF } from './proof.ts';
import { q } from './words.ts';

/** Programs that host scripts use beyond a POSIX shell's own. */
const TOOLS = ['docker', 'flock', 'setsid', 'base64', 'awk', 'sed', 'stat', 'mktemp', 'timeout', 'cmp'];

/** How long a look waits for a step that is at work on the host. */
const QUIET_SECONDS = 45;

const BEGIN = `
section() { printf '\\n@@%s\\n' "$1"; }
# A step of a run that was cut off may still be coming to its end here: what it is about to change would be seen half way.
( flock -s -w ${QUIET_SECONDS} 9 ) 9< .kamal/bactrian/lock 2> /dev/null`;

/** Each call of Docker's client costs a busy host a tenth of a second, so as much as possible is asked in one. */
const ENGINE = `
v=$(docker info -f '{{.ServerVersion}}\t{{.DockerRootDir}}' 2>/dev/null); root=\${v#*\t}; v=\${v%%\t*}
if [ -n "$v" ]; then section docker; echo "$v"; else section docker-error; docker version 2>&1 > /dev/null; fi`;
const CONTAINERS = `section containers; ids=$(docker ps -aq --no-trunc 2>/dev/null); [ -z "$ids" ] || inspected=$(docker inspect $ids 2>/dev/null); printf '%s\\n' "\${inspected:-}"`;

/** Looks at the containers of a host only, as `probeScript` does. */
export const CONTAINERS_SCRIPT = `${BEGIN}
${ENGINE}
${CONTAINERS}
section end; :`;

/**
 * Looks at a host and prints what it sees in sections (`src/plan/read-facts.ts` reads them). One command that leaves
 * no trace; it waits for a step that is at work, and takes no lock from anybody. It prints the environment of containers: its output stays in the memory of who asked.
 *
 * @param locks paths of the deploy locks to look for
 * @param fence the deployment's name in the journals, quoted: other deployments' runs are not ours to see
 * @param prove whether to see that new connections can be steered here, which takes half a second
 */
export function probeScript(locks: string[], fence: string, prove = false): string {
  return `
${BEGIN}
section missing; for t in ${TOOLS.join(' ')}; do command -v "$t" > /dev/null 2>&1 || echo "$t"; done
${ENGINE}
${CONTAINERS}
section images; docker image ls --no-trunc --format '{{.ID}}\t{{.Repository}}:{{.Tag}}' 2>/dev/null
section image-env; used=$(printf '%s\\n' "$inspected" | sed -n 's/.*"Image": *"\\(sha256:[0-9a-f]*\\)".*/\\1/p' | sort -u); [ -z "$used" ] || docker image inspect -f '{{.Id}}\t{{json .Config.Env}}' $used 2>/dev/null
section networks; docker network ls --format '{{.Name}}' 2>/dev/null
section volumes; docker volume ls --format '{{.Name}}' 2>/dev/null
section disk; df -kP "\${root:-/}" 2>/dev/null | awk 'NR == 2 { print $4 }'
section listening; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { n = split($2, a, ":"); print a[n] }' | sort -u | while read -r h; do printf '%d\\n' "0x$h"; done
section locks; for p in ${locks.map(q).join(' ')}; do [ -d "$p" ] && printf '%s\t%s\t%s\n' "$p" "$({ base64 < "$p/details"; } 2>/dev/null | tr -d '\n')" "$(grep -lxF "lock $p" .kamal/bactrian/*/lock.journal 2>/dev/null | head -n 1 | cut -d / -f 3)"; done
section runs; for j in .kamal/bactrian/*/app.journal .kamal/bactrian/*/accessories.journal .kamal/bactrian/*/lock.journal; do [ -f "$j" ] && ! grep -qx committed "$j" && [ "$(cat "$(dirname "$j")/of" 2>/dev/null)" = ${fence} ] && printf '%s\t%s\t%s\t%s\n' "$(basename "$j" .journal)" "$(basename "$(dirname "$j")")" "$(stat -c %Y "$j" 2>/dev/null)" "$(tail -n 1 "$j" | tr '\t' ' ')"; done
section routes; case $inspected in *'"Name": "/kamal-proxy"'*) timeout 10 docker exec kamal-proxy kamal-proxy list 2>/dev/null ;; esac
section certificates; ${PRINT_PROXY_CERTIFICATES}
section traefik-certificates; ${printTraefikCertificates(false)}
${prove ? PROOF : ''}
section end; :`;
}
