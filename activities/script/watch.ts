import { STEERING } from './steer.ts';
import { VOCABULARY } from './vocabulary.ts';

/**
 * What goes on beside a script that steers requests, and after it: processes of their own, which need nobody of ours.
 *
 * - The watch looks twice a second whether the proxy that requests are steered to is there and answers. It follows that
 *   proxy's address; when it is gone the rules go at once, whoever else is at work, and a proxy that holds the port is
 *   started where none runs: both are acts that no step of a cutover or of putting back is hurt by. For everything else
 *   it waits until the script is dead, and then for the host's lock: a next attempt comes first.
 * - `retire` lets a warm proxy go when nobody is connected to it any more. Once the run is past the point of no return
 *   nobody needs that proxy again: then it takes it away, too, and the run doesn't wait for it.
 */
export const WATCH = `
words_beside() {
  [ -s "$SD/words" ] || { cat > "$SD/words.new" <<'BACTRIAN_WORDS'
exec 9>&- 7>&-
${VOCABULARY}${STEERING}
BACTRIAN_WORDS
  mv "$SD/words.new" "$SD/words"; }
}
# watch: until nothing is steered any more
watch() {
  words_beside
  setsid sh -c '
    RUN=$1; D=$2; B=$3; JOURNAL=app; . "$D/words"
    script=$4; UNTIL=$5; mute=0; alone=0
    # one_runs: whichever of the two holds the port; starts one where none does
    one_runs() { is_running "$first" || is_running "$second" || docker start "$first" || docker start "$second"; }
    while sleep 0.5; do
      [ -f "$SD/steered" ] || exit 0
      read -r a pid warm first second < "$SD/steered"
      if alive "$pid" && { ! can_ask || ask "$a" 80 > /dev/null; }; then mute=0
      elif alive "$pid" && [ $mute -lt 2 ]; then mute=$((mute + 1))
      else
        now=$(pid_of "$warm")
        if [ "$now" != "$pid" ] && alive "$now"; then keep; steer "$warm" "$first" "$second" && { mute=0; continue; }; fi
        unsteer
        n=0; until docker version > /dev/null 2>&1; do n=$((n + 1)); [ $n -lt 120 ] || exit 1; sleep 0.5; done
        one_runs
        exit 0
      fi
      if kill -0 "$script"; then
        [ "$(date +%s)" -gt "$UNTIL" ] || continue
        grep -q bactrian "/proc/$script/cmdline" && kill -KILL "-$script"
      else
        alone=$((alone + 1)); [ $alone -ge 30 ] || continue
      fi
      exec 9> "$B/lock"; flock 9
      [ -f "$SD/steered" ] || exit 0
      # Where neither starts, the warm proxy, which answers, is better than nobody.
      one_runs || { exec 9>&-; alone=0; continue; }
      for i in "$first" "$second"; do is_running "$i" && break; done
      n=0; until ask "$(address_of "$i")" 80 > /dev/null; do n=$((n + 1)); [ $n -lt 50 ] || break; sleep 0.2; done
      unsteer
      exit 0
    done
  ' bactrian-watch "$SR" "$SD" "$B" "$$" "$UNTIL" > "$SD/watch.out" 2>&1 < /dev/null &
}
# retire CONTAINER SECONDS: detached
retire() {
  words_beside
  setsid sh -c '
    RUN=$1; D=$2; B=$3; JOURNAL=app; . "$D/words"
    drain "$4" "$5"
    n=0; until docker version > /dev/null 2>&1; do n=$((n + 1)); [ $n -lt 120 ] || exit 1; sleep 0.5; done
    # Frozen while an accessory reboots, it owes its clients their answers.
    while [ "$(docker inspect -f "{{.State.Paused}}" "$4" 2> /dev/null)" = true ]; do sleep 0.2; done
    docker stop "$4" && unkeep
    if journalled committed; then docker rm -f "$4"; rm -f "$SD/steered" "$SD/words" "$SD/watch.out" "$SD/retire.out"; fi
    rm -f "$SD/retiring"
  ' bactrian-retire "$SR" "$SD" "$B" "$1" "$2" > "$SD/retire.out" 2>&1 < /dev/null &
  echo $! > "$SD/retiring"
}
is_retiring() { grep -q bactrian-retire "/proc/$(cat "$SD/retiring" 2> /dev/null)/cmdline" 2> /dev/null; }
stay() { ! is_retiring || kill -TERM "-$(cat "$SD/retiring")" 2> /dev/null; rm -f "$SD/retiring"; }
`;
