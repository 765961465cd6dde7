import { audit, fromBase64, q } from './words.ts';

export interface SwapAccessoryScript {
  container: string;
  replacedName: string;
  image: string;
  network: string;
  pull: string | null;
  login: string | null;
  envFile: { path: string; content: string; directory: string };
  /** Kamal's own lines that make the mounted directories. */
  directories: string[];
  /** Uploaded files and folders, each with Kamal's lines before and after. */
  files: { contents: { path: string; content: Buffer }[]; before: string[]; after: string[] }[];
  /** Kamal's `docker run`, as `docker create`. */
  create: string;
  /** Kamal's `kamal-proxy deploy`, its target the shell variable `short`; null for what isn't behind the proxy. */
  deploy: string | null;
  audits: { pulled: string; stopped: string; booted: string };
}

/** Seconds that a database gets to write everything down before it is killed. */
const STOP_SECONDS = 60;
/** Seconds that a container without a health check is watched: one that dies at once has not come up. */
const WATCH_SECONDS = 3;
/** Seconds that one with a health check has to become healthy; until then the old one is kept. */
const HEALTHY_SECONDS = 180;

/**
 * Reboots an accessory in the new network: everything is ready and the new container created before the old one stops.
 * The old one keeps another name until prune. Both never run at once: they share their data.
 */
export function swapAccessoryScript(args: SwapAccessoryScript): string {
  return `
NAME=${q(args.container)}
# Old and new share their data: the new one is stopped before anybody starts the old one again.
give_up() { last_words "$new"; docker stop -t ${STOP_SECONDS} "$new" > /dev/null; fail AccessoryUnhealthy "$*"; }
# A run that was cut off here and that nobody remembers: its journal tells where it was, so this one goes on from there.
for other in "$B"/*/accessories.journal; do
  from=\${other%/*}
  [ "$from" = "$D" ] || ! cmp -s "$from/of" "$D/of" || ! grep -qE "^(container $NAME|renamed .* $NAME .*)$" "$other" 2>/dev/null || {
    [ -d "$from/kept" ] && mkdir -p "$D/kept" && cp -Rp "$from/kept/." "$D/kept/"
    cat "$other" >> "$D/accessories.journal" && mv "$other" "$other.adopted" && rm -rf "$from/kept"
  }
done
there=$(id "$NAME")
# What only joined the network, for the app's sake, has still to be rebooted in it.
only_joined() { grep -qxF "connected $there ${args.network}" "$D/app.journal" 2>/dev/null; }
if [ -n "$there" ] && ! journalled "container $NAME" && in_network "$there" ${q(args.network)} && is_running "$there" && ! only_joined; then
  note 'it is there already'
  exit 0
fi
${args.login ?? ''}
network ${q(args.network)}
${args.directories.join('\n')}
directory ${q(args.envFile.directory)}
${fromBase64(args.envFile.content, `| file ${q(args.envFile.path)} 0600 || exit 1`)}
${args.files.map(upload).join('\n')}
old=$(sed -n "s/^renamed \\([0-9a-f]*\\) $NAME .*/\\1/p" "$D/$JOURNAL.journal" 2>/dev/null | tail -n 1)
[ -n "$old" ] || old=$there
if [ -n "$old" ]; then
  wanted=$(image_of "$old")
  ${args.pull ? `${audit(args.audits.pulled)}\n  ${args.pull} > /dev/null || fail RegistryUnavailable ${q(`the image ${args.image} can't be pulled just now`)}` : sameImage(args)}
fi
if [ -n "$there" ] && ! journalled "container $NAME"; then
  rename "$there" "$NAME" ${q(args.replacedName)}
fi
if ! journalled "container $NAME" || [ -z "$(id "$NAME")" ]; then
  journal "container $NAME"
  ${args.create} > /dev/null || fail StepFailed ${q(`docker could not create ${args.container}`)}
fi
new=$(id "$NAME")
if ! is_running "$new"; then
  if [ -n "$old" ] && is_running "$old"; then
    ${audit(args.audits.stopped)}
    t0=$(centiseconds)
    stop "$old" -t ${STOP_SECONDS}
  fi
  ${audit(args.audits.booted)}
  docker start "$new" > /dev/null || give_up ${q(`${args.container} did not start`)}
fi
n=0
while :; do
  state=$(health_of "$new")
  case $state in
    healthy) break ;;
    running) [ $n -lt ${WATCH_SECONDS * 5} ] || break ;;
    starting) [ $n -lt ${HEALTHY_SECONDS * 5} ] || give_up "$NAME is not healthy after ${HEALTHY_SECONDS} s" ;;
    *) give_up "$NAME is $state after its start" ;;
  esac
  n=$((n + 1)); sleep 0.2
done
${args.deploy ? `short=$(printf %.12s "$new")\n${args.deploy} > /dev/null || give_up "$NAME did not become healthy behind kamal-proxy"` : ''}
changed "rebooted $NAME in the network ${args.network}\${t0:+, not reachable for about $(( ($(centiseconds) - t0) * 10 - n * 200 )) ms}"`;
}

/** An accessory keeps the image it runs: a database does not change its version by the way. */
function sameImage(args: SwapAccessoryScript): string {
  return `tagged=$(docker image inspect -f '{{.Id}}' ${q(args.image)} 2>/dev/null)
  if [ -z "$tagged" ]; then journal ${q(`tag ${args.image}`)}; docker tag "$wanted" ${q(args.image)} || fail ImageMissing ${q(`the image that ${args.container} runs is gone from the host`)}
  elif [ "$tagged" != "$wanted" ]; then fail ImageMissing ${q(`${args.image} is another image by now than the one ${args.container} runs`)}; fi`;
}

function upload(file: SwapAccessoryScript['files'][number]): string {
  const parts = file.contents.flatMap(({ path, content }) => [
    ...(path.includes('/') ? [`directory ${q(path.slice(0, path.lastIndexOf('/')))}`] : []),
    fromBase64(content, `| file ${q(path)} 0644 || exit 1`),
  ]);
  return [...file.before, ...parts, ...file.after].join('\n');
}

/** Strategy `join`: the running container gets the network, and is left running. */
export function joinAccessoryScript(args: { container: string; network: string }): string {
  return `
NAME=${q(args.container)}
there=$(id "$NAME")
[ -n "$there" ] || { note 'it has no container'; exit 0; }
if in_network "$there" ${q(args.network)}; then note 'it is in the network already'; exit 0; fi
network ${q(args.network)}
journal "connected $there ${args.network}"
docker network connect ${q(args.network)} "$there" || fail StepFailed ${q(`${args.container} could not join the network`)}
changed "$NAME joined the network ${args.network}; reboot it at a quiet hour with \\\`kamal accessory reboot\\\`"`;
}

/** Lets go of the accessory's old container. */
export function pruneAccessoryScript(args: { container: string; audit: string }): string {
  return `
NAME=${q(args.container)}
for old in $(sed -n "s/^renamed \\([0-9a-f]*\\) $NAME .*/\\1/p" "$D/$JOURNAL.journal" 2>/dev/null); do
  docker inspect "$old" > /dev/null 2>&1 || continue
  ${audit(args.audit)}
  docker rm "$old" > /dev/null && changed "removed the old $NAME"
done
[ -f "$D/$JOURNAL.journal" ] && mv "$D/$JOURNAL.journal" "$D/$JOURNAL.journal.$NAME.done"
rm -rf "$D/kept"
:`;
}
