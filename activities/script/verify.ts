import { DEFAULT_SERVICE } from '../../src/plan/shared-traefik.ts';
import { IS_BEHIND } from './behind.ts';
import { q } from './words.ts';

export interface VerifyScript {
  roles: { name: string; container: string; envFile: string; proxyService: string | null; filters: string[] }[];
  network: string;
  /** True on hosts where kamal-proxy must run. */
  proxied: boolean;
  /** True once nothing of Kamal 1 may be left. */
  pruned: boolean;
}

/** Looks at everything that the upgrade promises, changes nothing, and names all that is wrong at once. */
export function verifyScript(args: VerifyScript): string {
  return [
    IS_BEHIND,
    'wrong=; bad() { wrong="$wrong; $*"; }',
    `docker network inspect ${q(args.network)} > /dev/null 2>&1 || bad ${q(`no network ${args.network}`)}`,
    ...args.roles.map((role) => verifyRole(role, args.network)),
    ...(args.proxied ? [verifyProxy(args)] : []),
    ...(args.pruned && args.proxied ? [`[ -z "$(id traefik)" ] || is_behind || bad 'the container traefik is still there'`] : []),
    '[ -z "$wrong" ] || fail VerifyFailed "${wrong#; }"',
  ].join('\n');
}

function verifyRole(role: VerifyScript['roles'][number], network: string): string {
  const filters = role.filters.map((filter) => `--filter ${q(`label=${filter}`)}`).join(' ');
  const name = q(role.container);
  return `
c=$(id ${name})
if [ -z "$c" ]; then bad ${q(`no container ${role.container}`)}
else
  is_running "$c" || bad ${q(`${role.container} does not run`)}
  in_network "$c" ${q(network)} || bad ${q(`${role.container} is not in the network ${network}`)}
  case $(health_of "$c") in healthy|running|starting) ;; *) bad ${q(role.container)}" is $(health_of "$c")" ;; esac
fi
[ "$(stat -c %a ${q(role.envFile)} 2>/dev/null)" = 600 ] || bad ${q(`${role.envFile} is missing or not 0600`)}
for i in $(docker ps -q --no-trunc ${filters}); do in_network "$i" ${q(network)} || bad "an old container of ${role.name} still runs"; done`;
}

function verifyProxy(args: VerifyScript): string {
  const services = args.roles.flatMap((role) => (role.proxyService ? [role.proxyService] : []));
  return `
is_running kamal-proxy || bad 'kamal-proxy does not run'
! is_running traefik || is_behind || bad 'traefik still runs'
in_network kamal-proxy ${q(args.network)} || bad 'kamal-proxy is not in its network'
list=$(docker exec kamal-proxy kamal-proxy list 2>/dev/null | sed 's/\\x1b\\[[0-9;]*m//g')
for s in ${services.map(q).join(' ')}; do
  echo "$list" | awk -v s="$s" '$1 == s { found = 1; if ($0 !~ /running/) exit 2 } END { if (!found) exit 1 }' || bad "kamal-proxy does not route to $s"
done
! is_behind || echo "$list" | grep -q '^ *${DEFAULT_SERVICE} ' || bad "kamal-proxy does not lead to the Traefik behind it"`;
}
