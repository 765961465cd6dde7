import { sectionsOf } from '../read-facts.ts';
import { readRecord, type HostRecord } from './read.ts';

/**
 * Reads what a host printed of its record.
 *
 * @returns null where nothing is written down
 * @throws RecordError
 */
export function printedRecord(host: string, output: string): HostRecord | null {
  const sections = sectionsOf(output);
  const lines = (name: string) => (sections.get(name) ?? '').split('\n').filter((line) => line !== '');
  const files = lines('record').map((line) => {
    const [path = '', encoded = ''] = line.split('\t');
    return { path, text: Buffer.from(encoded, 'base64').toString() };
  });
  const [there, ...names] = lines('traefik-env');
  return files.length === 0 ? null : readRecord(host, files, there === undefined ? null : names);
}
