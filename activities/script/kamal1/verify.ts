import type { RouteQuestion } from '../../../src/kamal/kamal1/questions.ts';
import { IS_BEHIND } from '../behind.ts';
import { STEERING } from '../steer.ts';
import { q } from '../words.ts';
import { routeWords } from './routes.ts';

export interface VerifyKamal1Script {
  roles: { name: string; container: string; envFile: string; checked: boolean; filters: string[] }[];
  /** What Traefik has to route; null on hosts without it. */
  traefik: { questions: readonly RouteQuestion[]; envFile: string } | null;
  /** True once nothing of Kamal 2 may be left. */
  pruned: boolean;
}

/** Looks at everything that the way back promises, changes nothing, and names all that is wrong at once. */
export function verifyKamal1Script({ roles, traefik, pruned }: VerifyKamal1Script): string {
  return [
    IS_BEHIND,
    'wrong=; bad() { wrong="$wrong; $*"; }',
    ...roles.map(verifyRole),
    ...(traefik ? [verifyTraefik(traefik)] : []),
    ...(pruned && traefik ? [`[ -z "$(id kamal-proxy)" ] || is_behind || bad 'the container kamal-proxy is still there'`] : []),
    '[ -z "$wrong" ] || fail VerifyFailed "${wrong#; }"',
  ].join('\n');
}

function verifyRole({ name, container, envFile, checked, filters }: VerifyKamal1Script['roles'][number]): string {
  const args = filters.map((filter) => `--filter ${q(`label=${filter}`)}`).join(' ');
  return `
c=$(id ${q(container)})
if [ -z "$c" ]; then bad ${q(`no container ${container}`)}
else
  is_running "$c" || bad ${q(`${container} does not run`)}
  ! in_network "$c" kamal || bad ${q(`${container} is in the network kamal`)}
  ${checked ? `[ "$(health_of "$c")" = healthy ] || bad ${q(container)}" is $(health_of "$c")"` : ':'}
fi
[ "$(stat -c %a ${q(envFile)} 2>/dev/null)" = 600 ] || bad ${q(`${envFile} is missing or not 0600`)}
for i in $(docker ps -q --no-trunc ${args}); do ! in_network "$i" kamal || bad ${q(`a container of ${name} still runs in the network kamal`)}; done`;
}

function verifyTraefik({ questions, envFile }: NonNullable<VerifyKamal1Script['traefik']>): string {
  return `${STEERING}${routeWords(questions)}
! is_running kamal-proxy || is_behind || bad 'kamal-proxy still runs'
[ "$(stat -c %a ${q(envFile)} 2>/dev/null)" = 600 ] || bad ${q(`${envFile} is missing or not 0600`)}
if ! is_running traefik; then bad 'traefik does not run'
elif ! until_serves traefik 5; then bad 'traefik does not route to the app'
fi`;
}
