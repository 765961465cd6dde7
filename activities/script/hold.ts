import { BACTRIAN_DIRECTORY } from './bootstrap.ts';
import { VOCABULARY } from './vocabulary.ts';
import { q } from './words.ts';

/*
 * Holding requests: while an accessory is down, kamal-proxy keeps the app's requests waiting instead of letting them
 * fail. Nothing in kamal-proxy ends a pause, so most of this is about ending it:
 *
 * - A process on the host, which needs neither us nor the host's lock, lets requests through at a deadline.
 * - kamal-proxy writes a pause down, and one that it reads back at its start can't be ended any more: `resume` crashes it,
 *   again and again (seen with 0.9.2: the channel that a resume closes was never made). So what it wrote is corrected on
 *   its disk at once, and a proxy or a host that restarts in the midst of it serves.
 *
 * Clients that keep their connections to the second proxy of a handover don't come to kamal-proxy until it has gone. A pause of
 * its own would write its older view of all services on the disk that both have: it is frozen instead, and sends and takes
 * nothing meanwhile.
 *
 * What is held is in the run's folder: `hold` while it is, `hold.late` where the host had to end it by itself.
 */

export interface HoldScript {
  /** kamal-proxy's names of the services. */
  services: string[];
  /** Tells this hold from others of the run; the same for each attempt. */
  hold: number;
  /** After so many seconds the host lets requests through by itself. */
  seconds: number;
}

/** How long requests that are under way may take to end before the accessory goes all the same. Seconds. */
const DRAIN_SECONDS = 5;
/** kamal-proxy cuts off what is still under way at the end of this; a long download ends before. */
const NEVER_CUT = '12h';
/** kamal-proxy answers a request 504 only when it was held for so much longer than the host holds at all. Seconds. */
const SPARE_SECONDS = 20;
/** How long an app may take to be found healthy again before requests are let through to it all the same. Seconds. */
const FIT_SECONDS = 10;
/** For so long after the deadline the host looks again: a pause that was on its way then may come late. Seconds. */
const AFTERMATH_SECONDS = 60;

const WORDS = `
list_proxy() { docker exec kamal-proxy kamal-proxy list 2> /dev/null | sed 's/\\x1b\\[[0-9;]*m//g'; }
# column_of SERVICE N: of its line in the list, counted from the last but one: 0 is running, paused or stopped, 1 its target
column_of() { awk -v s="$1" -v n="$2" '$1 == s { print $(NF - 1 - n) }'; }
proxy_since() { docker inspect -f '{{.State.StartedAt}}' kamal-proxy 2> /dev/null; }
# runs_on_disk SERVICE…: what kamal-proxy reads at its next start is made to say that they run; of all of them at once,
# since each that is paused has the whole written anew
runs_on_disk() {
  docker exec -i kamal-proxy sh -s "$@" > /dev/null 2>&1 <<'BACTRIAN_STATE'
f=/home/kamal-proxy/.config/kamal-proxy/kamal-proxy.state; n=$f.$$
e=; for s; do e="$e;/^{\\"name\\":\\"$s\\",/s/\\"pause_controller\\":{\\"state\\":1,/\\"pause_controller\\":{\\"state\\":0,/"; done
{ sed 's/{"name":"/\\
&/g' "$f" | sed "\${e#;}" | tr -d '\\n'; echo; } > "$n" || exit 1
if cmp -s "$f" "$n"; then rm -f "$n"; exit 0; fi
# Half a file, read while it was written, must not take the place of a whole one.
case $(head -c 1 "$n")$(tail -c 2 "$n") in '[]') mv "$n" "$f" ;; *) rm -f "$n"; exit 1 ;; esac
BACTRIAN_STATE
}
# let_go SERVICE SINCE FILE: its requests go through again; SINCE is when the kamal-proxy was started that held them
let_go() {
  tries=0
  while :; do
    [ "$(proxy_since)" != "$2" ] || docker exec kamal-proxy kamal-proxy resume "$1" > /dev/null 2>&1
    list=$(list_proxy)
    case $(echo "$list" | column_of "$1" 0) in
      running|stopped) return 0 ;;
      # It has read the pause from its disk, and a resume would crash it: only a start without the pause helps.
      paused) [ "$(proxy_since)" = "$2" ] || { runs_on_disk $(held_in "$3") && docker restart -t 0 kamal-proxy > /dev/null; } ;;
      # It answers, and does not know the service any more.
      *) [ -z "$list" ] || return 0 ;;
    esac
    tries=$((tries + 1)); [ $tries -le 20 ] || return 1
    sleep 0.5
  done
}
# let_go_of FILE: of all that the file says is held
let_go_of() {
  stuck=; read -r _ _ _ _ since < "$1" || return 0
  for s in $(held_in "$1"); do let_go "$s" "$since" "$1" || stuck="$stuck $s"; done
  thaw
  [ -z "$stuck" ]
}
# warm_proxies running|paused
warm_proxies() { docker ps --filter name=kamal-proxy-warm- --filter "status=$1" --format '{{.Names}}' 2> /dev/null; }
thaw() { for w in $(warm_proxies paused); do docker unpause "$w" > /dev/null 2>&1; done; }
held_in() { tail -n +2 "$1" 2> /dev/null | cut -d ' ' -f 1; }
# is_hold FILE NUMBER
is_hold() { [ -f "$1" ] && read -r which _ < "$1" && [ "$which" = "$2" ]; }
`;

/**
 * Holds the requests of services until `LET_THROUGH`, or until the host itself ends it. Where kamal-proxy doesn't serve
 * there is nothing to hold; a service that somebody paused or stopped before is left as it is.
 */
export function holdScript({ services, hold, seconds }: HoldScript): string {
  return `${WORDS}
if ! is_running kamal-proxy; then note 'kamal-proxy does not run: nothing is held'; exit 0; fi
if is_hold "$D/hold.late" ${hold}; then note 'the host has let requests through by itself already'; exit 0; fi
# One of this run that nobody ended: its host was away.
if [ -f "$D/hold" ] && ! is_hold "$D/hold" ${hold}; then let_go_of "$D/hold"; rm -f "$D/hold"; fi
if [ ! -f "$D/hold" ]; then
  rm -f "$D"/hold.*
  echo "${hold} $(centiseconds) $(cat /proc/sys/kernel/random/boot_id) $(date +%s) $(proxy_since)" > "$D/hold.new"
  list=$(list_proxy)
  for s in ${services.map(q).join(' ')}; do
    state=$(echo "$list" | column_of "$s" 0)
    case $state in
      running) echo "$s $(echo "$list" | column_of "$s" 1)" >> "$D/hold.new" ;;
      '') note "kamal-proxy does not know $s: it is not held" ;;
      *) note "$s was $state before: it is left so" ;;
    esac
  done
  [ -n "$(held_in "$D/hold.new")" ] || { rm -f "$D/hold.new"; exit 0; }
  mv "$D/hold.new" "$D/hold"
fi
${guard(hold, seconds)}
for s in $(held_in "$D/hold"); do
  [ ! -f "$D/hold.drained.$s" ] || continue
  # It comes back when what was under way has ended, and only then writes the pause down.
  (
    exec 9>&-
    docker exec kamal-proxy kamal-proxy pause "$s" --drain-timeout=${NEVER_CUT} --max-pause=${seconds + SPARE_SECONDS}s || exit
    : > "$D/hold.drained.$s"; runs_on_disk $(held_in "$D/hold")
  ) > "$D/hold.out.$s" 2>&1 < /dev/null &
done
n=0
for s in $(held_in "$D/hold"); do
  until [ -f "$D/hold.drained.$s" ] || [ $n -ge ${DRAIN_SECONDS * 20} ]; do n=$((n + 1)); sleep 0.05; done
  if [ -f "$D/hold.drained.$s" ]; then changed "holds requests to $s"
  elif [ "$(list_proxy | column_of "$s" 0)" = paused ]; then changed "holds requests to $s; some that came before are still under way after ${DRAIN_SECONDS} s"
  else said "$(cat "$D/hold.out.$s")"; note "requests to $s are not held: $(tail -n 1 "$D/hold.out.$s")"; fi
done
# The host may have ended it by itself just now.
for w in $(warm_proxies running); do [ ! -f "$D/hold" ] || docker pause "$w" > /dev/null 2>&1 || note "requests of clients that are still connected to $w are not held"; done
[ -f "$D/hold" ] || thaw`;
}

/** A process that outlives the script, the connection and all of ours, and lets requests through at the deadline. */
function guard(hold: number, seconds: number): string {
  return `
if ! grep -q hold.guard.${hold} "/proc/$(cat "$D/hold.pid" 2> /dev/null)/cmdline" 2> /dev/null; then
  cat > "$D/hold.guard.${hold}" <<'BACTRIAN_GUARD'
B=${BACTRIAN_DIRECTORY}; D=$B/$1; JOURNAL=accessories
${VOCABULARY}${WORDS}
n=0
while is_hold "$D/hold" ${hold} && [ $n -lt ${seconds} ]; do
  n=$((n + 1)); sleep 1
  # Whoever held them may have died before it could correct what kamal-proxy wrote down, and another deployment of this
  # kamal-proxy has the whole written anew.
  [ $((n % 5)) -ne 0 ] || runs_on_disk $(held_in "$D/hold")
done
is_hold "$D/hold" ${hold} || exit 0
mv "$D/hold" "$D/hold.late"
n=0
while is_hold "$D/hold.late" ${hold} && [ $n -le ${AFTERMATH_SECONDS} ]; do let_go_of "$D/hold.late"; n=$((n + 5)); sleep 5; done
BACTRIAN_GUARD
  setsid sh -c 'exec 9>&-; exec sh "$1" "$2"' guard "$D/hold.guard.${hold}" "$RUN" > /dev/null 2>&1 < /dev/null &
  echo $! > "$D/hold.pid"
fi`;
}

/**
 * Lets requests through again. The app is given a moment to be found healthy first: one whose health check needs the
 * accessory was not, and kamal-proxy would answer 503 for it.
 */
export const LET_THROUGH = `${WORDS}
# fit SERVICE: kamal-proxy would pass requests on to it, as its log tells since requests are held
fit() {
  read -r _ _ _ from _ < "$D/hold" || return 0
  target=$(awk -v s="$1" '$1 == s { print $2 }' "$D/hold")
  case $(docker logs --since "$from" kamal-proxy 2>&1 | grep -F '"Target health updated"' | grep -F "\\"target\\":\\"$target\\"" | tail -n 1) in
    *'"state":"healthy"'*) return 0 ;;
    *'"state":'*) return 1 ;;
    # While something is still under way kamal-proxy refuses what comes, until a check has found the app healthy.
    *) [ -f "$D/hold.drained.$1" ] ;;
  esac
}
end=$(( $(centiseconds) + ${FIT_SECONDS * 100} ))
for s in $(held_in "$D/hold"); do
  until [ ! -f "$D/hold" ] || fit "$s"; do [ "$(centiseconds)" -lt $end ] || break; sleep 0.1; done
done
# The host may end it by itself just now, and then the file is gone.
cp "$D/hold" "$D/hold.ending" 2> /dev/null || cp "$D/hold.late" "$D/hold.ending" 2> /dev/null || { note 'nothing is held'; exit 0; }
let_go_of "$D/hold.ending" || fail HostUnreachable "kamal-proxy still holds requests to$stuck"
read -r _ from boot _ < "$D/hold.ending"
names=$(held_in "$D/hold.ending" | tr '\\n' ' ')
if [ -f "$D/hold.late" ]; then changed "the host let requests to \${names}through by itself: they were held for as long as they may be"
elif [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ]; then changed "held requests to \${names}for $(( ($(centiseconds) - from) * 10 )) ms"
else changed "held requests to \${names}until the host was restarted"; fi
rm -f "$D/hold" "$D"/hold.*`;

/** Ends what a run that is over holds on this host, where the host could not end it by itself. */
export const LET_THROUGH_OF_OTHER_RUNS = `${WORDS}
for other in "$B"/*/hold "$B"/*/hold.late; do
  from=\${other%/*}
  [ -f "$other" ] && [ "$from" != "$D" ] && cmp -s "$from/of" "$D/of" || continue
  let_go_of "$other" && rm -f "$other" && changed "let requests through that run \${from##*/} held"
done`;
