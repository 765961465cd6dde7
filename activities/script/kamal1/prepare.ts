import { appImage, assets, login, otherImage, pullIfMissing, steeredWarm, type PrepareScript, type UploadedFile } from '../prepare.ts';
import { STEERING } from '../steer.ts';
import { fromBase64, q } from '../words.ts';

export interface PrepareKamal1Script {
  login: PrepareScript['login'];
  directories: string[];
  /** Env files: of the roles, and Traefik's where there is one. */
  files: (UploadedFile & { keep?: boolean })[];
  assets: PrepareScript['assets'];
  roles: PrepareScript['roles'];
  /** Null on a host where nothing is behind Traefik. */
  traefik: TraefikScript | null;
}

export interface TraefikScript {
  image: string;
  /** `docker create` of the real Traefik, with its published ports. */
  create: string;
  /** The Traefik that proves the app before it serves; null: nothing is proved before. */
  warm: WarmTraefik | null;
  /** Another container of that name gets this one: a stopped Traefik of earlier days. */
  replacedName: string;
}

export interface WarmTraefik {
  name: string;
  /** `docker run` of the same Traefik under that name, that nothing starts by itself; published on `WARM_…` where requests are steered to it. */
  run: string;
  /** Container ports that requests are steered to; null: none are. */
  steered: readonly number[] | null;
}

/**
 * Everything on the way back that may fail slowly or for outside reasons, while kamal-proxy serves: directories, env
 * files, registry login, images, and both Traefiks' containers. No app container carries Traefik's labels yet.
 */
export function prepareKamal1Script(args: PrepareKamal1Script): string {
  return [
    STEERING,
    ...(args.login ? [login(args.login)] : []),
    ...args.directories.map((path) => `directory ${q(path)}`),
    ...args.files.map(({ path, content, mode, keep = false }) => fromBase64(content, keep ? `| if [ -f ${q(path)} ]; then chmod ${mode} ${q(path)}; else file ${q(path)} ${mode}; fi || exit 1` : `| file ${q(path)} ${mode} || exit 1`)),
    ...args.roles.map((role) => (role.other ? otherImage(role.image) : appImage(role))),
    ...args.assets.map(assets),
    ...(args.traefik ? [traefiks(args.traefik)] : []),
  ].join('\n');
}

function traefiks(traefik: TraefikScript): string {
  return `
image=${q(traefik.image)}
${pullIfMissing()}
if ! is_running traefik; then
  there=$(id traefik)
  if [ -n "$there" ] && ! journalled 'container traefik'; then rename "$there" traefik ${q(traefik.replacedName)}; there=; fi
  if [ -z "$there" ]; then
    journalled 'container traefik' || journal 'container traefik'
    ${traefik.create} > /dev/null || fail StepFailed 'Traefik could not be created'
    changed 'created traefik, not yet started'
  fi
${traefik.warm ? second(traefik.warm) : ''}
fi`;
}

function second({ name, run, steered }: WarmTraefik): string {
  if (steered) return steeredWarm({ name, run, real: 'traefik', ports: steered });
  return `
  if ! is_running ${name}; then
    journalled 'container ${name}' || journal 'container ${name}'
    docker start ${name} > /dev/null 2>&1 || ${run} > /dev/null || fail StepFailed 'the warm Traefik could not be started'
  fi`;
}
