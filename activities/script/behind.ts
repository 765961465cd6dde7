import { BEHIND_LABEL, DEFAULT_SERVICE } from '../../src/plan/shared-traefik.ts';
import { STEERING } from './steer.ts';
import { fromBase64, q } from './words.ts';

export interface BehindScript {
  /** What the container is called until the run is over: then it is `traefik`. */
  name: string;
  /** The body of the engine's `POST /containers/create`. */
  body: string;
  /** Its networks beyond the first one and `kamal`. */
  networks: string[];
}

/**
 * A second Traefik like the one that serves, without published ports, in the network `kamal` besides its own. The engine
 * itself is asked to make it: no command line says all that a container may have. Docker's client passes the request on.
 */
export function createBehindScript({ name, body, networks }: BehindScript): string {
  return `
behind=${name}
if ! is_running "$behind"; then
  if [ -z "$(id "$behind")" ]; then
    journalled "container $behind" || journal "container $behind"
    : > "$D/behind.answer"
    {
      printf 'POST /containers/create?name=%s HTTP/1.1\\r\\nHost: docker\\r\\nContent-Type: application/json\\r\\nContent-Length: ${Buffer.byteLength(body)}\\r\\nConnection: close\\r\\n\\r\\n' "$behind"
      ${fromBase64(body, '')}
      # What it reads from ending means to the engine that nobody waits for the answer.
      n=0; until [ -s "$D/behind.answer" ] || [ $n -gt 300 ]; do n=$((n + 1)); sleep 0.1; done
    } | docker system dial-stdio > "$D/behind.answer" 2> /dev/null
    [ -n "$(id "$behind")" ] || { said "$(tail -n 1 "$D/behind.answer" | cut -c 1-300)"; rm -f "$D/behind.answer"; fail StepFailed 'the engine did not make a second Traefik'; }
    rm -f "$D/behind.answer"
    changed 'created a Traefik like the one that serves, without published ports'
  fi
  for n in ${networks.map(q).join(' ')}; do in_network "$behind" "$n" || docker network connect "$n" "$behind" || fail StepFailed "the second Traefik could not join the network $n"; done
  in_network "$behind" kamal || docker network connect --alias ${DEFAULT_SERVICE} kamal "$behind" || fail StepFailed 'the second Traefik could not join the network kamal'
  docker start "$behind" > /dev/null || fail StepFailed 'the second Traefik does not start'
fi`;
}

export interface DefaultServiceScript {
  /** The kamal-proxy that doesn't serve yet. */
  warmName: string;
  port: number;
  healthPort: number;
  forwardHeaders: boolean;
  /** Of the others: one for each of their routers that can be asked. */
  questions: { host: string; path: string }[];
  behind: string;
}

/** Traefik's patience has no end for an answer; kamal-proxy must not have less of it. */
const TARGET_TIMEOUT = '24h';
const SEES_ROUTES_SECONDS = 20;

/**
 * kamal-proxy sends whatever no service of its own asks for to Traefik. That one knows its routes when it answers the
 * others' names as the published one does.
 */
export function defaultServiceScript(args: DefaultServiceScript): string {
  const { warmName, port, healthPort, forwardHeaders, questions, behind } = args;
  return `${STEERING}
is_running ${warmName} || start_warm ${warmName} || fail StepFailed 'the warm kamal-proxy does not start'
n=0; until docker exec ${warmName} kamal-proxy list > /dev/null 2>&1; do n=$((n + 1)); [ $n -gt 50 ] && break; sleep 0.1; done
out=$(docker exec ${warmName} kamal-proxy deploy ${DEFAULT_SERVICE} --target=${DEFAULT_SERVICE}:${port} --health-check-path=/ping --health-check-port=${healthPort} --health-check-interval=1s --deploy-timeout=30s --target-timeout=${TARGET_TIMEOUT} --forward-headers=${String(forwardHeaders)} 2>&1) || {
  said "$out"; last_words ${behind}
  fail StepFailed 'the second Traefik does not answer kamal-proxy: '"$(echo "$out" | tail -n 1)"
}
# kind STATUS: what it would mean to a client; Traefik itself says 404 and 502 to 504
kind() { case $1 in ''|404|50[234]) echo none ;; *) echo "$1" ;; esac; }
old=$(id traefik)
# same HOST PATH: both say the same, several times in a row: at its start Traefik knows some of its routes only
same() {
  n=0; good=0
  while [ $good -lt 3 ]; do
    here=$(kind "$(ask "$(address_of ${behind})" ${port} "$1" "$2")"); there=$(kind "$(ask "$(address_of "$old")" ${port} "$1" "$2")")
    if [ "$here" = "$there" ]; then good=$((good + 1)); else good=0; n=$((n + 1)); [ $n -lt ${SEES_ROUTES_SECONDS * 5} ] || { said "$1$2: $there now, $here from the second one"; return 1; }; sleep 0.2; fi
  done
}
if is_running "$old"; then
${questions.map(({ host, path }) => `  same ${q(host)} ${q(path)} || fail StepFailed ${q(`the second Traefik does not route ${host}${path} as the first one does`)}`).join('\n') || '  :'}
fi
note 'kamal-proxy sends to Traefik what it does not serve itself'`;
}

/** Whether the container that is called traefik is one that stands behind kamal-proxy, and the port on which it answers. */
export const IS_BEHIND = `
behind_port() { docker inspect -f '{{index .Config.Labels "${BEHIND_LABEL}"}}' traefik 2> /dev/null | grep .; }
is_behind() { is_running traefik && behind_port > /dev/null; }
`;

/** The end of a run that has left Traefik behind kamal-proxy: the published one is gone, and its name is free. */
export function nameBehindScript(name: string): string {
  return `if [ -n "$(id ${name})" ] && [ -z "$(id traefik)" ]; then
  docker rename ${name} traefik && changed 'Traefik stands behind kamal-proxy, for the other services'
fi`;
}

/**
 * A service has moved past the Traefik behind kamal-proxy. Once that one routes to nobody any more it goes, with the
 * service that leads to it.
 *
 * @param filters labels that the deployment's own containers carry, as `docker ps --filter label=` takes them
 */
export function leaveTraefikScript(filters: string[]): string {
  return `${IS_BEHIND}
if is_behind; then
  own=$(docker ps -q --no-trunc ${filters.map((filter) => `--filter ${q(`label=${filter}`)}`).join(' ')})
  others=$(for i in $(docker ps -q --no-trunc); do
    case "$own" in *"$i"*) continue ;; esac
    docker inspect -f '{{if not (index .Config.Labels "${BEHIND_LABEL}")}}{{if ne (index .Config.Labels "traefik.enable") "false"}}{{.Name}}{{range $k, $v := .Config.Labels}} {{$k}}{{end}}{{end}}{{end}}' "$i" 2> /dev/null | grep -E ' traefik\\.(enable|http\\.|tcp\\.|udp\\.)' | cut -d ' ' -f 1 | tr -d /
  done)
  if [ -n "$others" ]; then note "Traefik stays behind kamal-proxy for: $(echo $others)"
  elif docker exec kamal-proxy kamal-proxy remove ${DEFAULT_SERVICE} > /dev/null 2>&1 || ! docker exec kamal-proxy kamal-proxy list | grep -q ${DEFAULT_SERVICE}; then
    docker update --restart no traefik > /dev/null; docker stop traefik > /dev/null
    changed 'Traefik routes to nobody any more: it goes'
  fi
fi`;
}
