import { BACTRIAN_DIRECTORY } from './bootstrap.ts';
import { fromBase64, q } from './words.ts';

/** One file of the record. */
export interface RecordedFile {
  /** After the deployment's name: `traefik.json`. */
  readonly file: string;
  readonly content: string;
}

/** A file of a deployment's record, beside the runs' folders, of which only the last are kept. */
function place(deployment: string, file: string): string {
  return `"$B"/${q(`kamal1-${deployment}.${file}`)}`;
}

/**
 * Writes down how the host is, in a step's script, before the step changes anything. Each file is there whole or not at
 * all; one that is there and isn't named stays. It is no act of the run: what a run puts back, it was like that.
 */
export function writeRecord(deployment: string, files: readonly RecordedFile[]): string {
  if (files.length === 0) return ':';
  const write = ({ file, content }: RecordedFile) => `r=${place(deployment, file)}
${fromBase64(content, '> "$r.new" && chmod 600 "$r.new" && { sync "$r.new" 2> /dev/null || sync; } && mv "$r.new" "$r" || unwritable')}`;
  return `unwritable() { fail StepFailed 'cannot write down how Kamal 1 runs here: is the disk full? Nothing was changed'; }
umask 077
${files.map(write).join('\n')}
umask 022
rm -f ${place(deployment, USED)}`;
}

/** Says so where nothing is written down of the app: the host was between the generations already. */
export function sayWithoutRecord(deployment: string): string {
  return `[ -n "$(ls "$B"/${q(`kamal1-${deployment}.`)}role-*.json 2> /dev/null)" ] || note 'nothing is written down of how Kamal 1 ran the app here, since it no longer runs as it did: a downgrade needs its configuration'`;
}

/** Is there once a way back has used the record. */
const USED = 'used';

/** From now on the record has served, and `cleanup` may take it away. */
export function recordUsed(deployment: string): string {
  return `[ -z "$(ls "$B"/${q(`kamal1-${deployment}.`)}*.json 2> /dev/null)" ] || : > ${place(deployment, USED)}`;
}

/** Prints when the record was last written, in seconds since the epoch, and `used` once a way back has used it; nothing without one. */
export function tellOfRecord(deployment: string): string {
  return `for f in "$B"/${q(`kamal1-${deployment}.`)}*.json; do [ ! -f "$f" ] || stat -c %Y "$f"; done | sort -n | tail -n 1; [ ! -f ${place(deployment, USED)} ] || echo used`;
}

/** Takes a record away that has served. `act` renders what is said and done. */
export function removeUsedRecord(deployment: string, act: (words: string, command: string) => string): string {
  return `if [ -f ${place(deployment, USED)} ]; then
  ${act('the record of how Kamal 1 ran, which a downgrade has used', `rm -f "$B"/${q(`kamal1-${deployment}.`)}*.json ${place(deployment, USED)}`)}
fi`;
}

/** Prints what is written down of a deployment in sections (`src/plan/record/printed.ts` reads them). Leaves no trace. */
export function printRecord(deployment: string, traefikEnvFile: string): string {
  return `
section() { printf '\\n@@%s\\n' "$1"; }
section record; for f in ${BACTRIAN_DIRECTORY}/kamal1-${q(`${deployment}.`)}*.json; do [ ! -f "$f" ] || printf '%s\\t%s\\n' "$f" "$(base64 < "$f" | tr -d '\\n')"; done
section traefik-env; [ ! -f ${q(traefikEnvFile)} ] || { echo .; sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p' ${q(traefikEnvFile)}; }
section end; :`;
}

/** Prints what images say by themselves, and where the SSH user is at home. */
export function printImages(ids: readonly string[]): string {
  return `
section() { printf '\\n@@%s\\n' "$1"; }
section home; pwd
section images; docker image inspect ${ids.map(q).join(' ')}
section end; :`;
}
