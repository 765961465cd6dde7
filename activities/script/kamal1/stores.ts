import { kamal1, proxy } from '../../../src/kamal/index.ts';
import { CERTIFICATE_CACHE } from '../certificates.ts';
import { WITHOUT_KEYS } from '../held-certificates.ts';
import { fromBase64, q } from '../words.ts';

/**
 * `in_store KIND SOURCE COMMAND [FILE]`: runs a shell command in a throw-away container that sees one mount and nothing else.
 * kamal-proxy's image is there on each host that goes back; the login user needs no right to the files, nor any program.
 */
const IN_STORE = `
in_store() {
  i=$(docker inspect -f '{{.Image}}' kamal-proxy 2> /dev/null) || return 1
  [ "$1" = bind ] || docker volume inspect "$2" > /dev/null 2>&1 || return 1
  docker run --rm -i --network none --user 0:0 --mount "type=$1,source=$2,target=/store" --entrypoint sh "$i" -c "$3" "\${4:-/store}"
}`;

const READ = q('[ ! -e "$0" ] || cat "$0"');
/** Beside and moved, so that it is never half there, unless it is a mount itself; with the mode and owner that it had. */
const WRITE = q(`umask 077
if [ "$0" = /store ] || [ -L "$0" ]; then cat > "$0"; else { [ ! -e "$0" ] || cp -p "$0" "$0.bactrian"; } && cat > "$0.bactrian" && mv "$0.bactrian" "$0"; fi`);

const pathIn = ({ file }: kamal1.StorePlace) => (file === '' ? '/store' : `/store/${file}`);
const placed = (stores: readonly kamal1.CertificateStore[]) => stores.flatMap(({ place }, at) => (place ? [{ place, at }] : []));

/**
 * Looks into Traefik's stores, and into kamal-proxy's cache for their names. Prints `@@stores`, for each that could be read its
 * place in the list and base64 of the file, and `@@cache`, for each name that is there the name and base64 of its file.
 *
 * @param run whose own changes are left out: what it found is told; null: as it is now
 * @param keys whether private keys are printed too: then the output is a secret
 */
export function lookIntoStores(stores: readonly kamal1.CertificateStore[], run: string | null, keys: boolean): string {
  const filter = keys ? '' : ` | ${WITHOUT_KEYS}`;
  const names = stores.flatMap((store) => store.names);
  return `${IN_STORE}
echo @@stores
${placed(stores).map(({ place, at }) => {
  const kept = run === null ? null : q(`.kamal/bactrian/${run}/kept/acme.${at}`);
  const read = `text=$(in_store ${place.kind} ${q(place.source)} ${READ} ${q(pathIn(place))} 2> /dev/null${filter} && echo .) && [ -n "$text" ]`;
  const now = `if ${read}; then echo "${at} $(printf %s "\${text%.}" | base64 | tr -d '\\n')"; fi`;
  return kept === null ? now : `if [ -f ${kept} ]; then echo "${at} $(base64 < ${kept} | tr -d '\\n')"; else ${now}; fi`;
}).join('\n')}
echo @@cache
for name in ${names.map(q).join(' ')}; do
  text=$(in_store volume ${proxy.PROXY_STATE_VOLUME} ${READ} "/store/${CERTIFICATE_CACHE}/$name" 2> /dev/null${keys ? '' : " | sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p'"})
  [ -z "$text" ] || echo "$name $(echo "$text" | base64 | tr -d '\\n')"
done
echo @@end`;
}

/** One of Traefik's files, as it is to be. */
export interface NewStore {
  /** Its place in the list of stores. */
  at: number;
  place: kamal1.StorePlace;
  text: string;
  notes: string[];
}

/**
 * Writes Traefik's stores before the first Traefik starts that reads them; afterwards they are Traefik's own. What was there is
 * kept until the run is over, and put back with it.
 *
 * @param warmName the Traefik that doesn't serve yet
 */
export function writeStoresScript(stores: readonly NewStore[], warmName: string): string {
  if (stores.length === 0) return '';
  return `${IN_STORE}
if ! is_running traefik && ! is_running ${warmName}; then
${stores.map(({ at, place, text, notes }) => `
  if ! journalled 'acme ${at}'; then
    mkdir -p "$D/kept"
    ( umask 077; in_store ${place.kind} ${q(place.source)} ${READ} ${q(pathIn(place))} > "$D/kept/acme.new" ) || fail StepFailed ${q(`Traefik's certificates in ${place.source} cannot be read`)}
    mv "$D/kept/acme.new" "$D/kept/acme.${at}"
    printf '%s\\n' ${place.kind} ${q(place.source)} ${q(pathIn(place))} > "$D/acme.${at}"
    journal 'acme ${at}'
  fi
  ${fromBase64(text, `| in_store ${place.kind} ${q(place.source)} ${WRITE} ${q(pathIn(place))} || fail StepFailed ${q(`the certificates could not be written to ${place.source}`)}`)}
  ${notes.map((note) => `changed ${q(note)}`).join('\n  ')}`).join('\n')}
fi`;
}

/** For putting back: `restore_store RUN'S-FOLDER N` gives a store what it had. kamal-proxy is there as long as anything can be put back. */
export const RESTORE_STORE = `${IN_STORE}
restore_store() {
  [ -f "$1/kept/acme.$2" ] || return 0
  { read -r kind; read -r source; read -r file; } < "$1/acme.$2"
  if [ -s "$1/kept/acme.$2" ]; then in_store "$kind" "$source" ${WRITE} "$file" < "$1/kept/acme.$2"
  else in_store "$kind" "$source" 'rm -f "$0" 2> /dev/null || : > "$0"' "$file" < /dev/null; fi
}`;

