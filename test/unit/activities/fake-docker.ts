/**
 * A FakeDocker that remembers containers and images as files below `$HOME/docker`, for scripts that look, act and look
 * again. It knows what the host scripts ask, and refuses the rest aloud. `docker/says/health` is the health of what is
 * started next; what was asked of it that changes something stands in `docker/acts`.
 */
export const FAKE_DOCKER = `#!/bin/sh
S=$HOME/docker; C=$S/containers; mkdir -p $C $S/images $S/volumes
refuse() { echo "FakeDocker does not know: $*" >&2; exit 64; }
# find NAME-OR-ID
find_it() { for d in $C/*; do [ -d "$d" ] || continue; read -r n < $d/name; case \${d##*/} in "$1"*) found=$d; return 0 ;; esac; [ "$n" != "$1" ] || { found=$d; return 0; }; done; return 1; }
show() { while read -r shown || [ -n "$shown" ]; do echo "$shown"; done < "$1"; }
matches() {
  case $2 in
    name=*) read -r n < $1/name; p=\${2#name=}; p=\${p#^}; p=\${p#/?}; [ "$n" = "\${p%$}" ] ;;
    label=*) grep -qxF "\${2#label=}" "$1/labels" ;;
    ancestor=*) read -r n < $1/image; [ "$n" = "\${2#ancestor=}" ] ;;
    volume=*) grep -qF "\${2#volume=}:" "$1/volumes" ;;
    status=*) [ "\${2#status=}" = exited ] && read -r n < $1/running && [ $n = false ] ;;
    *) refuse filter "$2" ;;
  esac
}
case $1 in version|update|tag|restart) ;; ps|inspect|image|volume|network|container) ;; *) echo "$*" >> $S/acts ;; esac
case $1 in
version) exit 0 ;;
run|create)
  verb=$1; shift; name=; net=bridge; host=; labels=; volumes=; policy=no; publish=
  while [ $# -gt 0 ]; do
    case $1 in
      --name) name=$2; shift ;; --network) net=$2; shift ;; --hostname) host=$2; shift ;; --label) labels="$labels$2
"; shift ;; --volume) volumes="$volumes$2
"; shift ;; --restart) policy=$2; shift ;; --publish) publish="$publish$2
"; shift ;; --env|--env-file|-e|--log-opt|--health-cmd|--health-interval|--memory) [ "$1" != --env-file ] || [ -f "$2" ] || { echo "open $2: no such file" >&2; exit 125; }; shift ;;
      --detach) ;; --*) refuse $verb "$1" ;; *) break ;;
    esac
    shift
  done
  ! find_it "$name" > /dev/null || { echo "Conflict. The container name $name is already in use" >&2; exit 125; }
  id=$(printf %s "$name$(date +%N)" | md5sum | cut -c 1-32)$(printf %s "$name" | md5sum | cut -c 1-32); d=$C/$id; mkdir "$d"
  echo "$name" > $d/name; echo "$net" > $d/network; echo "$host" > $d/hostname; printf %s "$labels" > $d/labels; printf %s "$volumes" > $d/volumes; echo "$policy" > $d/policy; printf %s "$publish" > $d/publish
  cat "$S/images/$(echo "$1" | tr '/:' '__')" > $d/image 2> /dev/null || echo "$1" > $d/image
  if [ $verb = run ]; then echo true > $d/running; cat $S/says/health > $d/health 2> /dev/null || echo healthy > $d/health; else echo false > $d/running; echo created > $d/health; fi
  echo "$id" ;;
start|stop|rm|rename|update)
  verb=$1; shift; to=
  while [ $# -gt 1 ]; do case $1 in -t) shift 2 ;; -f|-v) shift ;; --restart) to=$2; shift 2 ;; *) break ;; esac; done
  find_it "$1" && d=$found || { echo "No such container: $1" >&2; exit 1; }
  case $verb in
    start) ! grep -qxF "$(cat $d/name)" $S/says/broken 2> /dev/null || { echo 'port is already allocated' >&2; exit 1; }; echo true > $d/running; echo healthy > $d/health ;;
    stop) echo false > $d/running ;;
    rm) rm -rf "$d" ;;
    rename) echo "$2" > $d/name ;;
    update) echo "$to" > $d/policy ;;
  esac ;;
ps)
  shift; all=; filters=
  while [ $# -gt 0 ]; do case $1 in -aq|-a) all=1 ;; -q|--no-trunc) ;; --filter) filters="$filters $2"; shift ;; *) refuse ps "$1" ;; esac; shift; done
  for d in $C/*; do
    [ -d "$d" ] || continue
    read -r n < $d/running; [ -n "$all" ] || [ $n = true ] || continue
    for f in $filters; do matches "$d" "$f" || continue 2; done
    echo "\${d##*/}"
  done ;;
inspect)
  f=; [ "$2" != -f ] || { f=$3; shift 2; }
  find_it "$2" && d=$found || { echo "No such object: $2" >&2; exit 1; }
  case $f in
    '') echo '[]' ;;
    '{{.State.Running}}') show $d/running ;;
    '{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}') echo "$(cat $d/running) $(cat $d/policy)" ;;
    '{{.State.Running}} -{{.Config.Hostname}}'*) echo "$(cat $d/running) -$(cat $d/hostname) $(cat $d/network)" ;;
    *State.Health.Log*) echo 'curl: (22) 500' ;;
    *State.Health*) read -r n < $d/running; if [ $n = true ]; then show $d/health; else echo exited; fi ;;
    '{{.Image}}') show $d/image ;;
    *RestartPolicy*) show $d/policy ;;
    *Config.Hostname*) show $d/hostname ;;
    '{{.Name}}') echo "/$n" ;;
    *IPAddress*) cat $S/says/address 2> /dev/null || echo 127.0.0.1 ;;
    *NetworkSettings.Networks*) show $d/network ;;
    *.Mounts*) sed 's/:.*//' $d/volumes ;;
    '{{.State.Pid}}') echo 1 ;;
    *PortBindings*) sed 's,^\\([0-9]*\\):\\([0-9]*\\)$,\\2/tcp - \\1,' $d/publish ;;
    *) refuse inspect "$f" ;;
  esac ;;
image)
  case $2 in
    inspect) shift 2; f=; [ "$1" != -f ] || { f=$2; shift 2; }; i=$(cat "$S/images/$(echo "$1" | tr '/:' '__')" 2> /dev/null) || { grep -qxrF "$1" $S/images && i=$1; } || exit 1
      case $f in *RepoTags*) for t in $S/images/*; do [ "$(cat $t)" != "$i" ] || basename "$t"; done | tr '\\n' ' ' ;; *) echo "$i" ;; esac ;;
    ls|prune) exit 0 ;;
    *) refuse "$@" ;;
  esac ;;
tag) for t in $S/images/*; do [ "$(cat "$t")" != "$2" ] || i=$2; done; echo "\${i:-$(cat $S/images/$(echo "$2" | tr '/:' '__'))}" > "$S/images/$(echo "$3" | tr '/:' '__')" ;;
pull) shift; [ "$1" != -q ] || shift; printf %s "sha256:pulled-$1" > "$S/images/$(echo "$1" | tr '/:' '__')" ;;
rmi) rm "$S/images/$2" 2> /dev/null || rm "$S/images/$(echo "$2" | tr '/:' '__')" ;;
volume) case $2 in inspect) [ -f "$S/volumes/$3" ] ;; rm) rm "$S/volumes/$3" ;; esac ;;
network) [ "$2 $3" = 'inspect bridge' ] || [ "$2 $3" = 'inspect kamal' ] || refuse "$@" ;;
container) exit 0 ;;
logs) echo 'last words' ;;
*) refuse "$@" ;;
esac
`;
