import type { RouteQuestion } from '../../../src/kamal/kamal1/questions.ts';
import { boot, type BootScript } from '../app.ts';
import { STEERING } from '../steer.ts';
import { q } from '../words.ts';
import { routeWords } from './routes.ts';

/** Seconds that Traefik gets to find an app's routers: tenths, on a host that isn't slow. */
const ROUTES_SECONDS = 20;

/**
 * The cord of a container, before it starts (Kamal 1.9: `Commands::App::Cord`): without it the container would never
 * be healthy.
 */
export function tieCord(file: string): string {
  return `directory ${q(file.slice(0, file.lastIndexOf('/')))}; [ -f ${q(file)} ] || : | file ${q(file)} 0644 || exit 1`;
}

export interface ProveKamal1Script extends BootScript {
  warmName: string;
  /** Seconds within which its health check has to succeed. */
  timeout: number;
  questions: readonly RouteQuestion[];
}

/**
 * Boots a role as Kamal 1 does, beside the container that kamal-proxy serves, and asks the Traefik that doesn't serve
 * yet until it routes to it. While that one is the only Traefik on the host, the container's labels reach nobody else.
 */
export function proveKamal1Script({ warmName, timeout, questions, ...args }: ProveKamal1Script): string {
  return `${STEERING}${routeWords(questions)}
${boot({ ...args, network: 'bridge' }, 'is_running traefik && [ "$(health_of "$there")" = healthy ]')}
end=$(( $(date +%s) + ${timeout} ))
until [ "$(health_of "$new")" = healthy ]; do
  state=$(health_of "$new")
  case $state in exited|dead) end=0 ;; esac
  [ $(date +%s) -lt $end ] || {
    said "$(docker inspect -f '{{range .State.Health.Log}}{{.Output}}{{end}}' "$new" 2> /dev/null | tail -n 3 | cut -c 1-500)"
    last_words "$new"
    fail AppUnhealthy ${q(`${args.name} did not become healthy by its own check`)}": it is $state"
  }
  sleep 0.2
done
proxy=${warmName}
is_running traefik && proxy=traefik
# A host that went down and up again has the app back, but not this proxy: it must not serve after a boot.
is_running "$proxy" || start_warm "$proxy" || fail StepFailed 'the warm Traefik does not start any more'
until_serves "$proxy" ${ROUTES_SECONDS} || { last_words "$proxy"; fail AppUnhealthy ${q(`Traefik does not route to ${args.name}`)}", which is healthy: do its labels fit Traefik's arguments?"; }
note "$proxy routes to it"`;
}

/** How long Kamal 1 waits for a healthy container, in seconds: 1, 2, 3 … between its attempts (Kamal 1.9: `Healthcheck::Poller`). */
export function healthySeconds(maxAttempts: number): number {
  return (maxAttempts * (maxAttempts + 1)) / 2 + 2;
}
