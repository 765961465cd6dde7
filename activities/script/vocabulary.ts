/**
 * The words that host scripts are written in: shell functions that look, act on the difference and note it down.
 *
 * `@…` lines are for the worker: `@note` and `@changed` are shown to people, `@fail TYPE text` names why the script gives up,
 * `@tell` is for the activity that sent it.
 * The journal says what this run did to the host, one act a line, written **before** the act, so that `put back`
 * can undo it in reverse even when all of Temporal's memory is gone.
 */
export const VOCABULARY = `
note() { echo "@note $*"; }
changed() { echo "@changed $*"; }
# telling COMMAND…: its output goes to the worker, and no further
telling() { "$@" | sed 's/^/@tell /'; }
fail() { t=$1; shift; echo "@fail $t $*"; exit 1; }
journal() { printf '%s\\n' "$*" >> "$D/$JOURNAL.journal" || fail StepFailed "cannot write the journal on the host: is its disk full?"; sync "$D/$JOURNAL.journal" 2>/dev/null || sync; }
journalled() { grep -qxF -- "$*" "$D/$JOURNAL.journal" 2>/dev/null; }

# id NAME: the container of exactly that name; nothing when there is none
id() { docker ps -aq --no-trunc --filter "name=^/?$1$" | head -n 1; }
is_running() { [ "$(docker inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
image_of() { docker inspect -f '{{.Image}}' "$1"; }
policy_of() { docker inspect -f '{{with .HostConfig.RestartPolicy}}{{or .Name "no"}}{{if .MaximumRetryCount}}:{{.MaximumRetryCount}}{{end}}{{end}}' "$1"; }
in_network() { docker inspect -f '{{range $n, $x := .NetworkSettings.Networks}}{{$n}} {{end}}' "$1" 2>/dev/null | tr ' ' '\\n' | grep -qxF -- "$2"; }
# health of a container: Docker's word where the image has a check, else running, exited …
health_of() { docker inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$1" 2>/dev/null; }
# listening CONTAINER: TCP ports on which it waits for connections from elsewhere
listening() {
  pid=$(docker inspect -f '{{.State.Pid}}' "$1")
  awk '$4 == "0A" { split($2, at, ":"); if (at[1] !~ /7F$/ && at[1] != "00000000000000000000000001000000") print at[2] }' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2> /dev/null | sort -u
}
# listens_on CONTAINER FILE: on all the ports that the file has
listens_on() { listening "$1" | awk 'NR == FNR { wanted[$1]; next } { delete wanted[$1] } END { for (port in wanted) exit 1 }' "$2" -; }
# said TEXT: what another program printed; marked, so that none of it is taken for a word of ours
said() { printf '%s\\n' "$1" | sed 's/^/| /'; }
last_words() { said "$(docker logs --tail 40 "$1" 2>&1 | cut -c 1-500)"; }
# answering: Docker's engine answers; while it restarts, everything looks as if it were gone
answering() { docker version > /dev/null 2>&1 || fail HostUnreachable "Docker does not answer just now"; }

# directory PATH: made as Kamal makes it (mkdir -p, 0755), each new level noted
directory() {
  [ -d "$1" ] && return 0
  case $1 in */*) [ -d "\${1%/*}/" ] || directory "\${1%/*}" ;; esac
  journal "directory $1"; mkdir -p "$1" || fail StepFailed "cannot make the directory $1"
}
# file PATH MODE: takes its content from stdin; written beside and moved, so that it is never half there
file() {
  ( umask 077; cat > "$1.bactrian" ) || fail StepFailed "cannot write $1"
  chmod "$2" "$1.bactrian"
  if [ -f "$1" ]; then
    if cmp -s "$1" "$1.bactrian"; then rm -f "$1.bactrian"; chmod "$2" "$1"; return 0; fi
    journalled "replaced-file $1" || journalled "file $1" || { mkdir -p "$D/kept/\${1%/*}" && cp -p "$1" "$D/kept/$1.new" && mv "$D/kept/$1.new" "$D/kept/$1" && journal "replaced-file $1"; }
  else
    journal "file $1"
  fi
  mv "$1.bactrian" "$1"
}
network() {
  docker network inspect "$1" > /dev/null 2>&1 && return 0
  journal "network $1"; docker network create "$1" > /dev/null || fail StepFailed "cannot create the network $1"
  changed "created the network $1"
}
# rename ID FROM TO
rename() { journal "renamed $1 $2 $3"; docker rename "$1" "$3" || fail StepFailed "cannot rename the container $2"; }
# stop ID [docker stop's options]
stop() {
  i=$1; shift
  at=$(docker inspect -f '{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}' "$i" 2> /dev/null); [ "\${at%% *}" = true ] || return 0
  journal "stopped $i \${at#* }"
  docker stop "$@" "$i" > /dev/null || fail StepFailed "cannot stop the container $i"
}
# a clock that no one sets, in hundredths of a second
centiseconds() { read -r up _ < /proc/uptime; echo "\${up%.*}\${up#*.}"; }
`;
