import { measured } from './measured.ts';
import type { Run } from './run.ts';
import type { Failure, HostOrder } from './types.ts';

/**
 * Asks whether the others may follow, now that the canaries have been watched. Nobody is asked who said so beforehand,
 * but for a canary that failed, or was hardly watched.
 *
 * @returns false when the run is to end
 */
export async function canariesPass({ input, desk, crew }: Run, canaries: HostOrder[]): Promise<boolean> {
  if (canaries.length === 0) return true;
  const soakMs = (input.options.canary?.soakSeconds ?? 0) * 1000;
  const results = canaries.map((order) => ({ order, made: crew.made([order]).length > 0, soak: crew.soak(order) }));
  const doubts = results.flatMap(({ order, made, soak }) => {
    if (!made) return [`${order.host} failed`];
    if (soak && soak.unwatchedMs * 2 > soakMs) return [`${order.host} was watched for less than half of its soak`];
    const measurable = soakMs > 0 && order.roles.some((role) => role.proxied) && !order.done && input.options.probe !== 'off';
    return measurable && (soak === null || soak.sent === 0) ? [`${order.host} could not be measured${soak?.why ? ` (${soak.why})` : ''}`] : [];
  });
  if (input.options.canary?.ask !== true && doubts.length === 0) return true;
  const seen = results.flatMap(({ order, soak }) => (soak ? [`${order.host}: ${measured(soak)}`] : []));
  const names = canaries.map(({ host }) => host).join(', ');
  const message = [...doubts, ...seen, 'go on with the other hosts?'].join('; ');
  const failure: Failure = { step: 'canary', type: 'Canary', message, logFile: null, hint: null };
  return (await desk.ask(`canary ${names}`, failure, ['go-on', 'abort'])) === 'go-on';
}
