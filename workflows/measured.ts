import type { MeterReading } from './types.ts';

/** The step under which people see what a change of proxies cost. */
export const METER = 'probes from outside';

/** A reading in a few words. Pure: for the workflow's pages and for the terminal alike. */
export function measured(reading: MeterReading): string {
  if (reading.sent === 0) return `not measured: ${reading.why ?? 'nothing was sent'}`;
  const lost = reading.lost === 0 ? 'none lost' : `${reading.lost} lost, longest gap ${reading.longestGapMs} ms`;
  return [
    `${reading.sent} sent, ${lost}`,
    ...(reading.unwatchedMs > 0 ? [`unwatched for ${(reading.unwatchedMs / 1000).toFixed(1)} s`] : []),
    ...(reading.from === 'host' ? ['asked over the host'] : []),
    ...(reading.why ? [reading.why] : []),
  ].join(', ');
}
