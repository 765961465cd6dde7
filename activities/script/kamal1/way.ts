import type { RouteQuestion } from '../../../src/kamal/kamal1/questions.ts';
import type { Way } from '../handover.ts';
import { routeWords } from './routes.ts';

/** The way back: to Traefik, which must route to the app at its container's address. Needs the words of `STEERING`. */
export function toTraefik(questions: readonly RouteQuestion[]): Way {
  return { old: 'kamal-proxy', new: 'traefik', knows: `${routeWords(questions)}\nknows() { until_serves "$1" 1; }` };
}
