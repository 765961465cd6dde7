import { REMOVE_CERTIFICATE } from './certificates.ts';
import { IS_BEHIND } from './behind.ts';
import { RESTORE_STORE } from './kamal1/stores.ts';
import { STEERING } from './steer.ts';
import { WATCH } from './watch.ts';

/** How long requests that are being answered may take when the proxies change places back, in seconds. */
const LET_GO_SECONDS = 10;

/**
 * Undoes what the journal says, newest act first. Every line may be undone twice: an attempt that dies in the middle is
 * followed by one that begins again. Errors are gathered, so that one thing that can't be undone doesn't keep the rest.
 *
 * The order of a cutover undoes itself: the old app is started and healthy before the proxies change places.
 *
 * @param healthSeconds how long an old container that is started again may take to become healthy
 */
export function putBackScript(healthSeconds: number): string {
  return `${STEERING}${WATCH}${IS_BEHIND}
${REMOVE_CERTIFICATE}
${RESTORE_STORE}
# go_past WARM NEW OLD: the new proxy serves by now: where requests could be steered past the old one, they are steered past this one
go_past() {
  stay
  UNTIL=$(( $(date +%s) + ${healthSeconds + 120} )); new=$(id "$2"); old=$(id "$3")
  is_running "$new" && ! is_running "$old" && [ -n "$(id "$1")" ] && start_warm "$1" || return 1
  knows() { lists "$1"; }
  [ ! -s "$SD/knows" ] || . "$SD/knows"
  limit=$(( $(centiseconds) + 1000 )); until knows "$1"; do [ "$(centiseconds)" -lt $limit ] || return 1; sleep 0.1; done
  steer "$1" "$old" "$new" && watch
}
# finds_again PORT HOST: Traefik behind kamal-proxy has found that name's old container again; it says so several times in a row
finds_again() {
  n=0; good=0
  while [ $good -lt 5 ] && [ $n -lt 50 ]; do
    n=$((n + 1)); case $(ask "$(address_of traefik)" "$1" "$2") in [23]*|401|403) good=$((good + 1)) ;; *) good=0; sleep 0.2 ;; esac
  done
}
# serves_again CONTAINER: the old proxy has found the app: it has to say so several times in a row, since Traefik needs tenths of a
# second to find its routes. A name may be asked for that isn't known here: from kamal-proxy, which knows its routes at once, 404 will do.
serves_again() {
  n=0; good=0
  while [ $good -lt 5 ] && [ $n -lt 50 ]; do
    n=$((n + 1))
    case $(ask "$(address_of "$1")" 80) in [23]*|401|403) good=$((good + 1)); continue ;; 404) [ $from = traefik ] || { good=$((good + 1)); continue; } ;; esac
    good=0; sleep 0.2
  done
}
# listens_again CONTAINER: on all ports on which it did before it was stopped; nothing else is known of an app without a health check
listens_again() { [ ! -s "$dir/ports.$1" ] || listens_on "$1" "$dir/ports.$1"; }
undo_run() {
  dir=$1; list=$dir/$JOURNAL.journal; problems=
  SR=\${dir##*/}; SD=$dir; to=kamal-proxy; from=traefik; past=
  [ -f "$list" ] || return 0
  grep -qx committed "$list" && return 0
  # On the way back it was Traefik that came.
  ! grep -qxF "container traefik-warm-$SR" "$list" || { to=traefik; from=kamal-proxy; }
  warm=$to-warm-$SR
  problem() { problems="$problems; $*"; echo "problem: $*"; }
  exists() { docker inspect "$1" > /dev/null 2>&1; }
  # An accessory's two containers share their data: the new one is down before the old one comes up.
  # The old one may have its name back already: what the journal has seen renamed is never taken for the new one.
  was_there() { grep -q "^renamed $1 " "$list"; }
  new_ones() { [ "$JOURNAL" = accessories ] && sed -n 's/^container //p' "$list" | while read -r a; do i=$(id "$a"); [ -z "$i" ] || was_there "$i" || echo "$i"; done; }
  for i in $(new_ones); do docker update --restart no "$i" > /dev/null; done
  # What served before starts by itself at boot again, whatever happens to us from here on.
  while read -r verb a b; do
    [ "$verb" = stopped ] && exists "$a" && docker update --restart always "$a" > /dev/null
  done < "$list"
  for i in $(new_ones); do docker stop -t 60 "$i" > /dev/null 2>&1; done
  if grep -q '^started ' "$list" && grep -q '^steered ' "$list"; then
    if go_past "$warm" $to $from; then past=yes; elif is_running $to; then note "requests wait for one stop and one start: they could not be steered past $to"; fi
  elif is_steered; then past=yes; fi
  sed '1!G;h;$!d' "$list" > "$list.reversed"
  while read -r verb path; do
    # A path may have spaces in it; names, ids and policies have none.
    a=\${path%% *}; b=\${path#"$a"}; b=\${b# }; b=\${b%% *}
    case $verb in
      directory) rmdir "$path" 2>/dev/null || : ;;
      tree) rm -rf "$path" ;;
      file) rm -f "$path" ;;
      replaced-file) cp -p "$dir/kept/$path" "$path" || problem "cannot restore $path" ;;
      certificate) remove_certificate "$a" "$b" || problem "cannot remove the certificate $b" ;;
      acme) restore_store "$dir" "$a" || problem "cannot restore Traefik's certificates" ;;
      # As it was deployed: its containers run again by now.
      unrouted) [ ! -s "$dir/redeploy-$a" ] || lists kamal-proxy "$a" || sh -c "docker exec kamal-proxy $(cat "$dir/redeploy-$a")" > /dev/null 2>&1 || problem "kamal-proxy does not take $a again" ;;
      # Where Traefik stands behind kamal-proxy it gets the app's names back.
      routed) [ -z "$b" ] || ! is_behind || finds_again "$(behind_port)" "$b"; ! is_running kamal-proxy || docker exec kamal-proxy kamal-proxy remove "$a" > /dev/null 2>&1 || : ;;
      network) ! docker network inspect "$a" > /dev/null 2>&1 || docker network rm "$a" > /dev/null || problem "the network $a is in use" ;;
      connected) docker network disconnect "$b" "$a" 2> /dev/null || : ;;
      volume) ! docker volume inspect "$a" > /dev/null 2>&1 || docker volume rm "$a" > /dev/null || problem "the volume $a is in use" ;;
      image) ! docker image inspect "$a" > /dev/null 2>&1 || docker rmi "$a" > /dev/null 2>&1 || : ;;
      tag) ! docker image inspect "$a" > /dev/null 2>&1 || docker rmi --no-prune "$a" > /dev/null || problem "cannot untag $a" ;;
      container)
        i=$(id "$a")
        if [ -n "$i" ] && ! was_there "$i"; then
          docker stop -t 10 "$i" > /dev/null; docker rm -f "$i" > /dev/null || problem "cannot remove $a"
          changed "removed $a"
        fi ;;
      renamed)
        if exists "$a" && [ "$(docker inspect -f '{{.Name}}' "$a" | tr -d /)" != "$b" ]; then
          docker rename "$a" "$b" || problem "cannot give $b its name back"
        fi ;;
      started) [ -z "$past" ] || drain "$a" ${LET_GO_SECONDS}; ! is_running "$a" || docker stop "$a" > /dev/null || problem "cannot stop $a" ;;
      # Before the app goes that it serves: it closes kept-alive connections in order.
      steered) unsteer; drain "$warm" ${LET_GO_SECONDS}; ! is_running "$warm" || docker stop -t 15 "$warm" > /dev/null ;;
      guarded) unkeep ;;
      policy) ! exists "$a" || docker update --restart "$b" "$a" > /dev/null || problem "cannot set the restart policy of $a" ;;
      stopped)
        if exists "$a"; then
          if ! is_running "$a"; then
            n=0; until docker start "$a" > /dev/null 2>&1; do n=$((n + 1)); [ $n -lt 5 ] || break; sleep 1; done
            # Better the new path than none: what was started for it serves again, and the rest is left as it is.
            is_running "$a" || { answering; sed -n 's/^started //p' "$list" | while read -r new; do docker start "$new" > /dev/null; done; fail PutBackFailed "$a, which served before, does not start any more: what serves now stays"; }
            n=0; until { [ "$(health_of "$a")" = healthy ] || [ "$(health_of "$a")" = running ]; } && listens_again "$a"; do
              n=$((n + 1)); [ $n -gt $((${healthSeconds} * 5)) ] && { problem "$a is $(health_of "$a") after its start"; break; }; sleep 0.2
            done
            [ "$a" != "$(id $from)" ] || [ -z "$past" ] || serves_again "$a"
            changed "started $(docker inspect -f '{{.Name}}' "$a" | tr -d /) again"
          fi
          docker update --restart "$b" "$a" > /dev/null
        else problem "$a is gone"; fi ;;
    esac
  done < "$list.reversed"
  rm -f "$list.reversed"
  SR=$RUN; SD=$D
  # An engine that went away in between makes everything look gone: then nothing is sure.
  answering
  [ -z "$problems" ] || fail PutBackFailed "not all of it could be undone\${problems}"
  mv "$list" "$list.undone"; rm -rf "$dir/kept" "$dir"/*.sh "$dir"/ports.* "$dir"/acme.* "$dir/words" "$dir/knows" "$dir/published" "$dir/warm-ports" "$dir/rules.lock" "$dir"/redeploy-* "$dir"/watch.out "$dir"/retire.out
}
`;
}

/** Undoes this run. */
export function putBackThisRun(healthSeconds: number): string {
  return `${putBackScript(healthSeconds)}undo_run "$D"`;
}

/** Undoes runs that were cut off and that nobody remembers: no other run is open while the deploy lock is ours. */
export function putBackOtherRuns(healthSeconds: number): string {
  return `${putBackScript(healthSeconds)}
for other in "$B"/*/; do
  other=\${other%/}
  [ "$other" = "$D" ] && continue
  cmp -s "$other/of" "$D/of" || continue
  [ -f "$other/$JOURNAL.journal" ] || continue
  grep -qx committed "$other/$JOURNAL.journal" || { changed "put back what run \${other##*/} had left here"; undo_run "$other"; }
done`;
}
