import { STEERING } from './steer.ts';
import { IS_BEHIND } from './behind.ts';
import { fromBase64, q } from './words.ts';

export interface MovedService {
  container: string;
  /** Its name at kamal-proxy. */
  service: string;
  /** Kamal's `kamal-proxy deploy …`, its target the shell variable `short`. */
  deploy: string;
  /** Names that it takes over, for people. */
  hosts: readonly string[];
}

/** Longer than kamal-proxy takes to hand a request on to Traefik, and Traefik to the old app. Seconds. */
const UNDER_WAY_SECONDS = 1;

/**
 * Strategy `move`: kamal-proxy stands in front of Traefik already and knows the app under a name that nobody asks for.
 * From here on it sends the app's own names there. Each service changes at once, and nothing is stopped.
 */
export function moveScript(services: readonly MovedService[]): string {
  return `${STEERING}
for c in ${services.map(({ container }) => q(container)).join(' ')}; do
  i=$(id "$c"); [ -n "$i" ] && is_running "$i" || { answering; fail CutoverFailed "$c, which was healthy, does not run any more"; }
done
is_running kamal-proxy || { answering; fail CutoverFailed 'kamal-proxy does not run any more'; }
${services.map(move).join('\n')}
sleep ${UNDER_WAY_SECONDS}`;
}

/**
 * The way back: kamal-proxy forgets these services, so that their names go on to the Traefik behind it, which routes them by
 * now. How each was deployed is kept on the host by then: putting back deploys it so again.
 */
export function moveBackScript(services: readonly { service: string; container: string }[]): string {
  return `${STEERING}${IS_BEHIND}
is_behind || { answering; fail CutoverFailed 'no Traefik stands behind kamal-proxy any more'; }
for c in ${services.map(({ container }) => q(container)).join(' ')}; do
  i=$(id "$c"); [ -n "$i" ] && is_running "$i" || { answering; fail CutoverFailed "$c, which was healthy, does not run any more"; }
done
${services.map(({ service }) => moveBack(service)).join('\n')}
sleep ${UNDER_WAY_SECONDS}`;
}

function moveBack(service: string): string {
  return `if lists kamal-proxy ${q(service)}; then
  journalled ${q(`unrouted ${service}`)} || journal ${q(`unrouted ${service}`)}
  out=$(docker exec kamal-proxy kamal-proxy remove ${q(service)} 2>&1) || { said "$out"; fail CutoverFailed ${q(`kamal-proxy does not let ${service} go`)}; }
  changed ${q(`kamal-proxy sends what was ${service}'s on to Traefik`)}
fi`;
}

/** Where a run keeps how a service is deployed, for giving it back. */
export function redeployFile(service: string): string {
  return `"$D"/${q(`redeploy-${service}`)}`;
}

/** Keeps how services are deployed, before anything is changed. */
export function keepDeploys(deploys: readonly { service: string; words: readonly string[] }[]): string {
  return deploys.map(({ service, words }) => fromBase64(`${words.map(q).join(' ')}\n`, `> ${redeployFile(service)} || exit 1`)).join('\n');
}

function move({ container, service, deploy, hosts }: MovedService): string {
  return `short=$(printf %.12s "$(id ${q(container)})")
if ! out=$(docker exec kamal-proxy ${deploy} 2>&1); then said "$out"; fail CutoverFailed ${q(`kamal-proxy does not take ${service} over`)}": $(echo "$out" | tail -n 1)"; fi
changed ${q(`kamal-proxy serves ${hosts.join(', ')} itself: Traefik is not asked any more`)}`;
}
