import { STEERING } from './steer.ts';
import { fromBase64, q } from './words.ts';

export interface PrepareScript {
  /** Login at the registry: the command reads the password on stdin. Null for a registry without one. */
  login: { command: string; password: string; server: string } | null;
  network: string;
  directories: string[];
  /** Env files, certificates, error pages. */
  files: UploadedFile[];
  /** Copies of what the image serves as assets, as Kamal's own commands. */
  assets: { trees: string[]; commands: string[] }[];
  /** `other`: not the version that runs now (on the image `imageId`), so its image may have to be pulled. */
  roles: { name: string; version: string; other: boolean; imageId: string; image: string }[];
}

export interface UploadedFile {
  path: string;
  content: string | Buffer;
  mode: string;
}

export interface ProxyScript {
  /** The shell word(s) that give the proxy's image, run on the host. */
  image: string;
  /** `docker create` of the real proxy, with its published ports. */
  create: string;
  /** `docker run` of the same proxy, under a name of its own, without published ports or with those of `steered`. */
  runWarm: string;
  /** Requests will be steered to the warm proxy: it is published on ports that `WARM_80` and `WARM_443` name. */
  steered: boolean;
  /** The name of the proxy that proves the app before it serves; null where the app is proved behind the real one. */
  warmName: string | null;
  volume: string;
}

/**
 * Everything that may fail slowly or for outside reasons happens here and in `prepareProxies`, while the old path serves:
 * directories, network, registry login, env files, images, and both proxies' containers.
 */
export function prepareScript(args: PrepareScript): string {
  return [
    STEERING,
    ...(args.login ? [login(args.login)] : []),
    ...args.directories.map((path) => `directory ${q(path)}`),
    `network ${q(args.network)}`,
    ...args.files.map(({ path, content, mode }) => fromBase64(content, `| file ${q(path)} ${mode} || exit 1`)),
    ...args.roles.map((role) => (role.other ? otherImage(role.image) : appImage(role))),
    ...args.assets.map(assets),
  ].join('\n');
}

/** `docker login` reports a refusal and an absent registry with the same exit code: its words tell them apart. */
export function login({ command, password, server }: { command: string; password: string; server: string }): string {
  return `out=$(${fromBase64(password, `| ${command} 2>&1`)}
) || case $out in
  *unauthorized*|*denied*|*incorrect*|*401*|*403*) fail RegistryRefused ${q(`the registry ${server || 'docker.io'} refused the login`)} ;;
  *) said "$out"; fail RegistryUnavailable ${q(`the registry ${server || 'docker.io'} gave no good answer to the login`)} ;;
esac
out=`;
}

/**
 * The app boots from the image that runs now. A tag that points elsewhere would boot something else (Kamal 2 boots the
 * tag, whatever it is by then), so that is refused; a missing tag is made.
 */
export function appImage({ name, version, imageId, image }: PrepareScript['roles'][number]): string {
  return `
wanted=${q(imageId)}
tagged=$(docker image inspect -f '{{.Id}}' ${q(image)} 2>/dev/null)
docker image inspect "$wanted" > /dev/null 2>&1 || fail ImageMissing ${q(`the image that role ${name} runs (version ${version}) is gone from the host`)}
if [ -z "$tagged" ]; then
  journal ${q(`tag ${image}`)}; docker tag "$wanted" ${q(image)}
elif [ "$tagged" != "$wanted" ]; then
  fail ImageMissing ${q(`${image} is another image by now than the one role ${name} runs: deploy that version, or tag the running image again`)}
fi`;
}

/** (Kamal 2.12: app assets.) The old generation mounts other folders, so nothing that it serves is touched. */
export function assets({ trees, commands }: PrepareScript['assets'][number]): string {
  const noted = trees.flatMap((tree) => [`directory ${q(tree.slice(0, tree.lastIndexOf('/')))}`, `[ -e ${q(tree)} ] || journal ${q(`tree ${tree}`)}`]);
  const run = commands.map((command) => `{ ${command}; } > /dev/null || fail StepFailed ${q(`the assets could not be copied to ${trees.at(-1) ?? ''}`)}`);
  return [...noted, ...run].join('\n');
}

/** A version that was asked for by name: from the host if it is there, else from the registry. */
export function otherImage(image: string): string {
  return `image=${q(image)}
${pullIfMissing()}`;
}

/** Pulls `$image`, and tells what will never be there from what isn't there just now. */
export function pullIfMissing(): string {
  return `if ! docker image inspect "$image" > /dev/null 2>&1; then
  journal "image $image"
  out=$(docker pull -q "$image" 2>&1) || { said "$out"; case $out in
    *"not found"*|*"manifest unknown"*|*denied*) fail ImageMissing "the image $image can't be pulled" ;;
    *) fail RegistryUnavailable "the image $image can't be pulled just now" ;;
  esac; }
  changed "pulled $image"
fi`;
}

/** @param proxy null on a host where nothing is proxied */
export function prepareProxies(proxy: ProxyScript | null): string {
  if (proxy === null) return '';
  return `
image=${proxy.image}
${pullIfMissing()}
docker volume inspect ${q(proxy.volume)} > /dev/null 2>&1 || journal ${q(`volume ${proxy.volume}`)}
if ! is_running kamal-proxy; then
  if [ -z "$(id kamal-proxy)" ]; then
    journal 'container kamal-proxy'
    ${proxy.create} > /dev/null || fail StepFailed 'kamal-proxy could not be created'
    changed 'created kamal-proxy, not yet started'
  fi
${proxy.warmName === null ? '' : proxy.steered ? steeredWarm({ name: proxy.warmName, run: proxy.runWarm, real: 'kamal-proxy', ports: [80, 443] }) : warm(proxy.warmName, proxy.runWarm)}
fi`;
}

/** A second proxy that requests will be steered to. */
export interface SteeredWarm {
  readonly name: string;
  /** `docker run`, with `WARM_<container port>` where it is to be published. */
  readonly run: string;
  /** Name of the container whose ports it will answer on, and what people call it. */
  readonly real: string;
  /** The container ports that it publishes. */
  readonly ports: readonly number[];
}

/** Published on free ports below those that the kernel gives to clients, which are shut to everybody before it starts. */
export function steeredWarm({ name, run, real, ports }: SteeredWarm): string {
  return `
  firewall || fail StepFailed 'new connections cannot be steered here: no iptables, or neither root nor sudo -n; --strategy swap does without'
  published ${real} > "$D/published"
  choose_ports() {
    p=$((20000 + $$ % 8000 + $1 * 10)); : > "$D/warm-ports.new"
    for c in ${ports.join(' ')}; do while is_listening $p; do p=$((p + 1)); done; echo "$c $p" >> "$D/warm-ports.new"; p=$((p + 1)); done
    mv "$D/warm-ports.new" "$D/warm-ports"
  }
  n=0
  until is_running ${name}; do
    n=$((n + 1)); [ $n -le 3 ] || fail StepFailed 'the warm ${real} could not be started'
    [ -s "$D/warm-ports" ] || choose_ports $n
    journalled "guarded $RUN" || journal "guarded $RUN"
    UNTIL=$(( $(date +%s) + 3600 )); keep || fail StepFailed 'the ports of the warm ${real} cannot be shut to the outside: iptables refuses'
    journalled 'container ${name}' || journal 'container ${name}'
    export ${ports.map((port) => `WARM_${port}="$(warm_port ${port})"`).join(' ')}
    docker start ${name} > /dev/null 2>&1 || ${run} > /dev/null || { docker rm -f ${name} > /dev/null 2>&1; rm -f "$D/warm-ports"; }
  done`;
}

function warm(name: string, run: string): string {
  return `
  if ! is_running ${name}; then
    journal 'container ${name}'
    docker start ${name} > /dev/null 2>&1 || ${run} > /dev/null || fail StepFailed 'the warm kamal-proxy could not be started'
  fi`;
}

/** Looks from the new network, beside what follows, which needs none of it. @param look what looks, a script of its own */
export function beginLook(look: string): string {
  return `
( exec 9>&-
${look}
) > "$D/look" 2> /dev/null < /dev/null &
look=$!`;
}

/** Waits for that look, and tells the worker what it saw. */
export const END_LOOK = 'wait $look; telling cat "$D/look"; rm -f "$D/look"';

/**
 * Accessories that the app names by their container: they join the network before it boots, while they run. Those that
 * are in another network than Docker's default one stay where they are: it would cut their connections.
 */
export function joinScript(containers: string[]): string {
  return containers
    .map(
      (name) => `
i=$(id ${q(name)})
if [ -n "$i" ] && is_running "$i" && ! in_network "$i" kamal; then
  if [ "$(docker inspect -f '{{range $n, $x := .NetworkSettings.Networks}}{{$n}} {{end}}' "$i")" = 'bridge ' ] && ! docker inspect -f '{{range $k, $v := .Config.Labels}}{{println $k}}{{end}}' "$i" | grep -qE '^traefik\\.(http|tcp|udp)\\.'; then
    journal "connected $i kamal"
    docker network connect kamal "$i" || fail StepFailed ${q(`${name} could not join the network kamal`)}
    changed ${q(`${name} joined the network kamal`)}
  fi
fi`,
    )
    .join('\n');
}
