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

/** Tells the worker of the published kamal-proxy, in a section as the look at a host has it. */
export const TELL_PROXY = `echo '@tell @@containers'; telling docker inspect kamal-proxy`;

/** Looks at everything that the upgrade promises, changes nothing, and names all that is wrong at once. */
export function verifyScript(args: VerifyScript): string {
  const named = [...args.roles.map(({ container }) => container), ...(args.proxied ? ['kamal-proxy', 'traefik'] : [])];
  return [
    IS_BEHIND,
    'wrong=; bad() { wrong="$wrong; $*"; }',
    `docker network inspect ${q(args.network)} > /dev/null 2>&1 || bad ${q(`no network ${args.network}`)}`,
    // Of each container: its name, whether it runs, how it is, and its networks.
    `seen=$(docker inspect -f '{{.Name}} {{.State.Running}} {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}} {{range $n, $x := .NetworkSettings.Networks}}{{$n}} {{end}}' ${named.map(q).join(' ')} 2> /dev/null)`,
    'look() { set -- $(printf \'%s\\n\' "$seen" | grep -F "/$1 " | grep "^/$1 "); name=$1; running=$2; health=$3; [ $# -lt 3 ] || shift 3; networks=" $* "; }',
    `within() { case $networks in *" $1 "*) return 0 ;; *) return 1 ;; esac; }`,
    ...args.roles.map((role) => verifyRole(role, args.network)),
    ...(args.proxied ? [verifyProxy(args)] : []),
    '[ -z "$wrong" ] || fail VerifyFailed "${wrong#; }"',
  ].join('\n');
}

function verifyRole(role: VerifyScript['roles'][number], network: string): string {
  const filters = role.filters.map((filter) => `--filter ${q(`label=${filter}`)}`).join(' ');
  return `
look ${q(role.container)}
if [ -z "$name" ]; then bad ${q(`no container ${role.container}`)}
else
  [ "$running" = true ] || bad ${q(`${role.container} does not run`)}
  within ${q(network)} || bad ${q(`${role.container} is not in the network ${network}`)}
  case $health in healthy|running|starting) ;; *) bad ${q(role.container)}" is $health" ;; esac
fi
[ "$(stat -c %a ${q(role.envFile)} 2>/dev/null)" = 600 ] || bad ${q(`${role.envFile} is missing or not 0600`)}
docker ps --no-trunc ${filters} --format ',{{.Networks}},' | grep -qvF ${q(`,${network},`)} && bad ${q(`an old container of ${role.name} still runs`)}`;
}

function verifyProxy(args: VerifyScript): string {
  const services = args.roles.flatMap((role) => (role.proxyService ? [role.proxyService] : []));
  return `
look kamal-proxy
[ "$running" = true ] || bad 'kamal-proxy does not run'
within ${q(args.network)} || bad 'kamal-proxy is not in its network'
look traefik
[ "$running" != true ] || is_behind || bad 'traefik still runs'
${args.pruned ? `[ -z "$name" ] || is_behind || bad 'the container traefik is still there'` : ''}
list=$(docker exec kamal-proxy kamal-proxy list 2>/dev/null | sed 's/\\x1b\\[[0-9;]*m//g')
for s in ${services.map(q).join(' ')}; do
  echo "$list" | awk -v s="$s" '$1 == s { found = 1; if ($0 !~ /running/) exit 2 } END { if (!found) exit 1 }' || bad "kamal-proxy does not route to $s"
done
! is_behind || echo "$list" | grep -q '^ *${DEFAULT_SERVICE} ' || bad "kamal-proxy does not lead to the Traefik behind it"`;
}
