import { proxy } from '../../src/kamal/index.ts';
import { ACME_SCOPE } from '../../src/plan/certificates.ts';
import { q } from './words.ts';

/** Where kamal-proxy keeps what it got from Let's Encrypt, below its volume (kamal-proxy 0.9.2: ScopedCachePath). */
export const CERTIFICATE_CACHE = `certs/${ACME_SCOPE}`;
/** A folder of ours in that volume, for certificates that kamal-proxy is given as files. */
export const FIXED_CERTIFICATES = 'carried-over';
/** Beside such a certificate: the names that are served with it, one a line. */
export const FIXED_NAMES = 'names';

export interface CarriedCertificate {
  /** Below the proxy's volume; PEM. */
  files: { path: string; content: string }[];
  note: string;
  /** The proxy's service that is to be told the files; null for what kamal-proxy finds by itself. */
  fixedFor: string | null;
}

/** The words that tell `kamal-proxy deploy` a service's files: nothing where it has none. For the host's shell. */
export function fixedCertificateWords(service: string): string {
  return `$(cat "$D"/${q(`certificate-${service}`)} 2> /dev/null)`;
}

/**
 * Writes certificates into kamal-proxy's volume, as the proxy's own user (the login user may not reach it), before
 * anything is deployed to it. The proxy's container is there already, so its image is.
 */
export function carryScript(certificates: CarriedCertificate[]): string {
  if (certificates.length === 0) return '';
  const files = certificates.flatMap((each) => each.files);
  return `
image=$(image_of kamal-proxy)
${files.map(({ path }) => `journalled "certificate $image "${q(path)} || journal "certificate $image "${q(path)}`).join('\n')}
docker run --rm -i ${IN_VOLUME} --entrypoint sh "$image" -s <<'BACTRIAN_CERTIFICATES' || fail StepFailed "the certificates could not be written into kamal-proxy's volume"
umask 077
cd ${proxy.PROXY_STATE_PATH} || exit 1
put() { mkdir -p "\${1%/*}" && cat > "$1.bactrian" && mv "$1.bactrian" "$1" || exit 1; }
${files.map(({ path, content }) => `put ${q(path)} <<'PEM'\n${content}PEM`).join('\n')}
BACTRIAN_CERTIFICATES
${certificates.flatMap(({ fixedFor }) => (fixedFor === null ? [] : [`echo ${q(words(fixedFor))} > "$D"/${q(`certificate-${fixedFor}`)}`])).join('\n')}
${certificates.map(({ note }) => `changed ${q(note)}`).join('\n')}`;
}

function words(service: string): string {
  const folder = `${proxy.PROXY_STATE_PATH}/${FIXED_CERTIFICATES}/${service}`;
  return `--tls-certificate-path=${folder}/cert.pem --tls-private-key-path=${folder}/key.pem`;
}

const IN_VOLUME = `--network none --volume ${proxy.PROXY_STATE_VOLUME}:${proxy.PROXY_STATE_PATH}`;

/** For putting back: removes one of them, given the image and the path that the journal has. */
export const REMOVE_CERTIFICATE = `remove_certificate() {
  docker volume inspect ${proxy.PROXY_STATE_VOLUME} > /dev/null 2>&1 || return 0
  docker image inspect "$1" > /dev/null 2>&1 || return 0
  docker run --rm ${IN_VOLUME} --workdir ${proxy.PROXY_STATE_PATH} --entrypoint sh "$1" -c 'rm -f "$0" && { rmdir -p "\${0%/*}" 2> /dev/null || :; }' "$2"
}`;
