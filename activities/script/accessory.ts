import { audit, fromBase64, q } from './words.ts';

export interface AccessoryNames {
  container: string;
  network: string;
}

export interface PrepareAccessoryScript extends AccessoryNames {
  image: string;
  pull: string | null;
  login: string | null;
  envFile: { path: string; content: string; directory: string };
  /** Kamal's own lines that make the mounted directories. */
  directories: string[];
  /** Uploaded files and folders, each with Kamal's lines before and after. */
  files: { contents: { path: string; content: Buffer }[]; before: string[]; after: string[] }[];
  /** Kamal's `docker run`, as `docker create`, under the name that `nextName` says. */
  create: string;
  audits: { pulled: string };
}

export interface SwapAccessoryScript extends AccessoryNames {
  replacedName: string;
  /** Kamal's `kamal-proxy deploy`, its target the shell variable `short`; null for what isn't behind the proxy. */
  deploy: string | null;
  audits: { stopped: string; booted: string };
}

/** Seconds that a database gets to write everything down before it is killed. */
const STOP_SECONDS = 60;
/** Seconds that a container of which nothing else is known is watched: one that dies at once has not come up. */
const WATCH_SECONDS = 3;
/** Seconds for which one must have listened where the old one did: a port may be open a moment before there are answers. */
const LISTENING_SECONDS = 1;
/** Seconds that one with a health check has to become healthy; until then the old one is kept. */
const HEALTHY_SECONDS = 180;

/** The new container's name until it takes the old one's place. */
export function nextName(container: string): string {
  return `${container}_next`;
}

const names = (container: string): string => `NAME=${q(container)}; NEXT=${q(nextName(container))}`;

/**
 * Restart policies while an accessory changes its container. The two share their data, so a host that loses power in the
 * midst of it must start one of them, and never both: the old one until the new one has come up, then the new one.
 */
const POLICIES = `# replaced: the old container, where it has got another name
replaced() { sed -n "s/^renamed \\([0-9a-f]*\\) $NAME .*/\\1/p" "$D/$JOURNAL.journal" 2>/dev/null | tail -n 1; }
# own_policy ID: the restart policy that it had before; for_now ID POLICY: it gets another one, and its own is noted
own_policy() { sed -n "s/^policy $1 //p" "$D/$JOURNAL.journal" 2>/dev/null | head -n 1; }
for_now() { [ -n "$(own_policy "$1")" ] || journal "policy $1 $(policy_of "$1")"; restarts "$1" "$2"; }
restarts() { docker update --restart "$2" "$1" > /dev/null || { answering; fail StepFailed "cannot set the restart policy of the container $1"; }; }
# give_up WHY: the new one is down before anybody starts the old one again, and it is the old one that a boot starts
give_up() {
  last_words "$new"; old=$(replaced)
  restarts "$new" no; [ -z "$old" ] || restarts "$old" always
  docker stop -t ${STOP_SECONDS} "$new" > /dev/null; fail AccessoryUnhealthy "$*"
}`;

/**
 * Makes everything ready for an accessory's reboot in the new network, while the old one serves on: directories, files,
 * image, and the new container, under another name. Says that nothing changed where the accessory is there already.
 */
export function prepareAccessoryScript(args: PrepareAccessoryScript): string {
  return `
${names(args.container)}
${POLICIES}
# A run that was cut off here and that nobody remembers: its journal tells where it was, so this one goes on from there.
for other in "$B"/*/accessories.journal; do
  from=\${other%/*}
  [ "$from" = "$D" ] || ! cmp -s "$from/of" "$D/of" || ! grep -qE "^(container ($NAME|$NEXT)|renamed .* $NAME .*)$" "$other" 2>/dev/null || {
    [ -d "$from/kept" ] && mkdir -p "$D/kept" && cp -Rp "$from/kept/." "$D/kept/"
    cat "$other" >> "$D/accessories.journal" && mv "$other" "$other.adopted" && rm -rf "$from/kept"
  }
done
there=$(id "$NAME")
if journalled "container $NAME" && [ -n "$there$(id "$NEXT")" ]; then
  changed 'goes on where an earlier attempt was cut off'
  exit 0
fi
# What only joined the network, for the app's sake, has still to be rebooted in it.
only_joined() { grep -qxF "connected $there ${args.network}" "$D/app.journal" 2>/dev/null; }
if [ -n "$there" ] && in_network "$there" ${q(args.network)} && is_running "$there" && ! only_joined; then
  note 'it is there already'
  exit 0
fi
${args.login ?? ''}
network ${q(args.network)}
${args.directories.join('\n')}
directory ${q(args.envFile.directory)}
${fromBase64(args.envFile.content, `| file ${q(args.envFile.path)} 0600 || exit 1`)}
${args.files.map(upload).join('\n')}
if [ -n "$there" ]; then
  ! is_running "$there" || listening "$there" > "$D/listening.$NAME"
  wanted=$(image_of "$there")
  ${args.pull ? `${audit(args.audits.pulled)}\n  ${args.pull} > /dev/null || fail RegistryUnavailable ${q(`the image ${args.image} can't be pulled just now`)}` : sameImage(args)}
fi
# One that an earlier attempt made may be of an older configuration; it never ran.
next=$(id "$NEXT"); [ -z "$next" ] || docker rm -v "$next" > /dev/null
journalled "container $NEXT" || journal "container $NEXT"
${args.create} > /dev/null || fail StepFailed ${q(`docker could not create ${args.container}`)}
# Stopped by hand, a container with the policy unless-stopped stays down at boot; with always it comes back.
for_now "$(id "$NEXT")" no
[ -z "$there" ] || ! is_running "$there" || for_now "$there" always
changed "$NAME stands ready in the network ${args.network}"`;
}

/**
 * Puts the new container in the old one's place: everything is ready, so between them lies one stop and one start. The
 * old one keeps another name until prune. Both never run at once: they share their data. It is over when the new one
 * listens where the old one did, or Docker calls it healthy. Whatever line a host loses power at, one of them starts by
 * itself when it boots, but for the moment between two changes of a policy.
 */
export function swapAccessoryScript(args: SwapAccessoryScript): string {
  return `
${names(args.container)}
${POLICIES}
old=$(replaced)
[ -n "$old" ] || journalled "container $NAME" || old=$(id "$NAME")
new=$(id "$NEXT"); [ -n "$new" ] || new=$(id "$NAME")
[ -n "$new" ] && [ "$new" != "$old" ] || fail StepFailed "the new container for $NAME, made ready in an earlier step, is gone"
if ! is_running "$new"; then
  # Else they are so since the new one was made: requests may be held by now, and each call of Docker's client is waited for.
  [ -n "$(own_policy "$new")" ] || for_now "$new" no
  if [ -n "$old" ] && is_running "$old"; then
    [ -n "$(own_policy "$old")" ] || for_now "$old" always
    [ -s "$D/listening.$NAME" ] || listening "$old" > "$D/listening.$NAME"
    ${audit(args.audits.stopped)}
    t0=$(centiseconds)
    stop "$old" -t ${STOP_SECONDS}
  fi
  if [ "$(id "$NAME")" != "$new" ]; then
    [ -z "$old" ] || [ "$(id "$NAME")" != "$old" ] || rename "$old" "$NAME" ${q(args.replacedName)}
    journalled "container $NAME" || journal "container $NAME"
    docker rename "$new" "$NAME" || fail StepFailed "cannot give the new container the name $NAME"
  fi
  ${audit(args.audits.booted)}
  centiseconds > "$D/started.$NAME"
  docker start "$new" > /dev/null || give_up ${q(`${args.container} did not start`)}
fi
# up: it listens wherever the old one did
up() { [ -s "$D/listening.$NAME" ] && listens_on "$new" "$D/listening.$NAME"; }
started=$(centiseconds); since=; back=
while :; do
  state=$(health_of "$new"); now=$(centiseconds)
  case $state in
    healthy) break ;;
    running|starting)
      if up; then : "\${since:=$now}"; [ $((now - since)) -lt ${LISTENING_SECONDS * 100} ] || break; else since=; fi
      [ $state = starting ] || [ -s "$D/listening.$NAME" ] || [ $((now - started)) -lt ${WATCH_SECONDS * 100} ] || break
      [ $((now - started)) -lt ${HEALTHY_SECONDS * 100} ] || give_up "$NAME is $state, and does not answer, after ${HEALTHY_SECONDS} s" ;;
    *) give_up "$NAME is $state after its start" ;;
  esac
  sleep 0.1
done
back=\${since:-$now}
# Between these two lines nothing would start at a boot: better that than two on the same data.
[ -z "$old" ] || restarts "$old" no
restarts "$new" "$(own_policy "$new")"
${args.deploy ? `short=$(printf %.12s "$new")\n${args.deploy} > /dev/null || give_up "$NAME did not become healthy behind kamal-proxy"` : ''}
changed "rebooted $NAME in the network ${args.network}\${t0:+, not reachable for about $(( (back - t0) * 10 )) ms}"`;
}

/** Watches the new container until it has settled: healthy, where it has a health check, and alive. */
export function settleAccessoryScript({ container }: Pick<AccessoryNames, 'container'>): string {
  return `
${names(container)}
${POLICIES}
new=$(id "$NAME"); now=$(centiseconds)
# When it was started, unless the host was since: then it is watched anew.
read -r started 2> /dev/null < "$D/started.$NAME" && [ "$started" -le "$now" ] || started=$now
while :; do
  state=$(health_of "$new"); took=$(( $(centiseconds) - started ))
  case $state in
    healthy) break ;;
    running) [ $took -lt ${WATCH_SECONDS * 100} ] || break ;;
    starting) [ $took -lt ${HEALTHY_SECONDS * 100} ] || give_up "$NAME is not healthy after ${HEALTHY_SECONDS} s" ;;
    *) give_up "$NAME is $state after its start" ;;
  esac
  sleep 0.2
done
note "it is $state"`;
}

/** An accessory keeps the image it runs: a database does not change its version by the way. */
function sameImage(args: PrepareAccessoryScript): string {
  return `tagged=$(docker image inspect -f '{{.Id}}' ${q(args.image)} 2>/dev/null)
  if [ -z "$tagged" ]; then journal ${q(`tag ${args.image}`)}; docker tag "$wanted" ${q(args.image)} || fail ImageMissing ${q(`the image that ${args.container} runs is gone from the host`)}
  elif [ "$tagged" != "$wanted" ]; then fail ImageMissing ${q(`${args.image} is another image by now than the one ${args.container} runs`)}; fi`;
}

function upload(file: PrepareAccessoryScript['files'][number]): string {
  const parts = file.contents.flatMap(({ path, content }) => [
    ...(path.includes('/') ? [`directory ${q(path.slice(0, path.lastIndexOf('/')))}`] : []),
    fromBase64(content, `| file ${q(path)} 0644 || exit 1`),
  ]);
  return [...file.before, ...parts, ...file.after].join('\n');
}

/** Strategy `join`: the running container gets the network, and is left running. */
export function joinAccessoryScript(args: AccessoryNames): string {
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

/** Lets go of the accessory's old container; it may come after `settleAccessoryScript`. */
export function pruneAccessoryScript(args: { container: string; audit: string }): string {
  return `
NAME=${q(args.container)}
for old in $(sed -n "s/^renamed \\([0-9a-f]*\\) $NAME .*/\\1/p" "$D/$JOURNAL.journal" 2>/dev/null); do
  docker inspect "$old" > /dev/null 2>&1 || continue
  ${audit(args.audit)}
  docker rm "$old" > /dev/null && changed "removed the old $NAME"
done
[ -f "$D/$JOURNAL.journal" ] && mv "$D/$JOURNAL.journal" "$D/$JOURNAL.journal.$NAME.done"
rm -rf "$D/kept" "$D/listening.$NAME" "$D/started.$NAME"
:`;
}
