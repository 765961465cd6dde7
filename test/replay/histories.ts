import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The history of one workflow; children's ids derive from their parent's, so the id belongs to it. */
export interface RecordedHistory {
  workflowId: string;
  /** As `temporal workflow show -o json` prints it. */
  history: { events: RecordedEvent[] };
}

export interface RecordedEvent {
  eventType: string;
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}

export const HISTORIES = fileURLToPath(new URL('histories/', import.meta.url));

/** The recorded runs by name, each with all of its workflows. */
export function recordedRuns(): Map<string, RecordedHistory[]> {
  const files = readdirSync(HISTORIES).filter((file) => file.endsWith('.json')).sort();
  return new Map(files.map((file) => [basename(file, '.json'), JSON.parse(readFileSync(join(HISTORIES, file), 'utf8')) as RecordedHistory[]]));
}
