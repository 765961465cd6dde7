import { STEERING_BY_NFT } from './steer-nft.ts';

/**
 * The words that steer requests past a proxy which holds a port, to another one that doesn't publish it: packet filter
 * rules ahead of Docker's, for new connections only. Established ones stay where they are (conntrack).
 *
 * Which packets get which rule, where `A` is the address of the proxy they are steered to and `W` a port of the host on
 * which it is published:
 *
 * - IPv4 from outside and from the host to its own address: DNAT to A, so that the app sees the client's address;
 * - from Docker's bridges and over loopback, and all of IPv6: REDIRECT to W. A DNAT would be lost between Docker's
 *   isolated networks, can't leave loopback, and finds no IPv6 address;
 * - everything by REDIRECT where Docker keeps no chains of its own in iptables (`iptables: false`, and its nftables backend:
 *   steer-nft.ts), everything IPv4 by DNAT where nothing passes on what comes to W (userland-proxy off).
 *
 * Rules of the kind `steer` carry the requests; those of the kind `keep` hold W shut to everybody who wasn't steered and
 * let the steered ones in, as long as the proxy behind W runs. Each carries the run and the time at which it is overdue.
 * The user's own rules in DOCKER-USER go on deciding: the steered packets have the same ports as those that weren't.
 *
 * `SR` and `SD` are the run and its folder, `UNTIL` the end in seconds since the epoch.
 */
export const STEERING = `${STEERING_BY_NFT}
SR=$RUN; SD=$D; UNTIL=\${UNTIL:-0}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
AS_ROOT=; [ "$(command id -u)" = 0 ] || AS_ROOT='sudo -n'
# firewall: finds the iptables that holds Docker's rules: FW (-nft, -legacy or nothing), and FW_KNOWN: docker, or nft where they
# are in tables of their own, or alone
firewall() {
  [ -z "\${FW_KNOWN:-}" ] || return 0
  for FW in '' -nft -legacy; do
    command -v "iptables$FW-restore" > /dev/null || continue
    $AS_ROOT "iptables$FW" -w -t nat -S DOCKER > /dev/null 2>&1 && { FW_KNOWN=docker; return 0; }
  done
  FW=
  command -v iptables-restore > /dev/null && $AS_ROOT iptables -w -t nat -S > /dev/null 2>&1 || return 1
  FW_KNOWN=alone; ! keeps_nft_rules || FW_KNOWN=nft
}
# over6: the host speaks IPv6, and its rules can be set
over6() { grep -q . /proc/net/if_inet6 2> /dev/null && command -v "ip6tables$FW-restore" > /dev/null && $AS_ROOT "ip6tables$FW" -w -t nat -S > /dev/null 2>&1; }
# rules_of TOOL TABLE KIND: this run's, as they are saved
rules_of() { $AS_ROOT "$1$FW-save" -t "$2" 2> /dev/null | grep -E -- "--comment \\"?bactrian $SR $3 "; }
# renew TOOL TABLE KIND: puts the rules on stdin in the place of all that this run has of that kind, at once
renew() {
  (
    flock -w 20 7
    new=$(cat); gone=$(rules_of "$1" "$2" "$3" | sed 's/^-A /-D /')
    [ -n "$new$gone" ] || exit 0
    printf '*%s\\n%s\\n%s\\nCOMMIT\\n' "$2" "$gone" "$new" | grep . | $AS_ROOT "$1$FW-restore" -w 5 --noflush
  ) 7> "$SD/rules.lock"
}
# published CONTAINER: its TCP ports on the host: CONTAINER-PORT ADDRESS-OR-MINUS HOST-PORT
published() {
  docker inspect -f '{{range $p, $b := .HostConfig.PortBindings}}{{range $b}}{{$p}} {{if .HostIp}}{{.HostIp}}{{else}}-{{end}} {{.HostPort}}{{"\\n"}}{{end}}{{end}}' "$1" 2> /dev/null |
    sed -n 's/[][]//g; s,^\\([0-9]*\\)/tcp ,\\1 ,p' | sed 's/ 0\\.0\\.0\\.0 / - /; s/ :: / - /' | sort -u
}
# steered_ports: what of it is steered; the warm proxy has the same two ports inside
steered_ports() { awk 'NR == FNR { known[$1]; next } $1 in known' "$SD/warm-ports" "$SD/published" 2> /dev/null; }
# warm_port CONTAINER-PORT: where the warm proxy is published
warm_port() { sed -n "s/^$1 //p" "$SD/warm-ports" 2> /dev/null; }
is_listening() { cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | awk -v p="$(printf :%04X "$1")" '$4 == "0A" && substr($2, length($2) - 4) == p { found = 1 } END { exit !found }'; }
# is_passed_on PORT: by Docker's userland proxy; without it Docker itself listens there, and answers nobody
is_passed_on() { $AS_ROOT sh -c 'cat /proc/[0-9]*/cmdline' 2> /dev/null | tr '\\0' ' ' | grep -q "[-]host-port $1 "; }
address_of() { docker inspect -f '{{range $n, $x := .NetworkSettings.Networks}}{{$x.IPAddress}} {{end}}' "$1" 2> /dev/null | tr ' ' '\\n' | grep . | head -n 1; }
pid_of() { docker inspect -f '{{.State.Pid}}' "$1" 2> /dev/null; }
alive() { [ "\${1:-0}" -gt 0 ] && { [ -d "/proc/$1" ] || $AS_ROOT test -d "/proc/$1"; }; }
# bridges: Docker's, those to come included
bridges() {
  { echo docker0; echo br-+
  docker network ls -q --filter driver=bridge 2> /dev/null | while read -r n; do docker network inspect -f '{{index .Options "com.docker.network.bridge.name"}}' "$n" 2> /dev/null; done; } | grep -v '^br-[0-9a-f]*$' | grep . | sort -u
}

# The texts of the rules; the last one stands first.
# steer4 ADDRESS HOW (dnat: userland-proxy is off; redirect: Docker's rules aren't in iptables; both) BRIDGES
steer4() {
  steered_ports | while read -r c ip p; do
    w=$(warm_port "$c"); mark="-m comment --comment \\"bactrian $SR steer until $UNTIL\\""
    to="-p tcp -m tcp --dport $p"; direct="-j DNAT --to-destination $1:$c"; through="-j REDIRECT --to-ports $w"
    case $ip in
      *:*) continue ;;
      127.*) local="-d $ip"; outside= ;;
      -) local='-d 127.0.0.0/8'; outside='-m addrtype --dst-type LOCAL' ;;
      *) local=; outside="-d $ip" ;;
    esac
    case $2 in dnat) through=$direct ;; redirect) direct=$through ;; esac
    if [ -n "$outside" ]; then
      echo "-I PREROUTING 1 $to $outside $mark $direct"
      [ "$2" != both ] || for b in $3; do echo "-I PREROUTING 1 -i $b $to $outside $mark $through"; done
      echo "-I OUTPUT 1 $to $outside $mark $direct"
    fi
    [ -z "$local" ] || echo "-I OUTPUT 1 $local $to $mark $through"
  done
}
steer6() {
  steered_ports | while read -r c ip p; do
    w=$(warm_port "$c"); mark="-m comment --comment \\"bactrian $SR steer until $UNTIL\\""
    case $ip in *:*) to="-d $ip" ;; -) to='-m addrtype --dst-type LOCAL' ;; *) continue ;; esac
    for chain in PREROUTING OUTPUT; do echo "-I $chain 1 -p tcp -m tcp --dport $p $to $mark -j REDIRECT --to-ports $w"; done
  done
}
# Seen before the address is changed, what was steered still has its own port: only what asks for W itself is dropped.
shut() { while read -r c w; do echo "-I PREROUTING 1 ! -i lo -p tcp -m tcp --dport $w -m addrtype --dst-type LOCAL -m comment --comment \\"bactrian $SR keep until $UNTIL\\" -j DROP"; done < "$SD/warm-ports"; }
let_in() { steered_ports | while read -r _ _ p; do echo "-I INPUT 1 -p tcp -m conntrack --ctstate DNAT --ctorigdstport $p -m comment --comment \\"bactrian $SR keep until $UNTIL\\" -j ACCEPT"; done | sort -u; }

# keep: before the warm proxy starts
keep() {
  firewall || return 1
  shut | renew iptables mangle keep && let_in | renew iptables filter keep || return 1
  ! over6 || { shut | renew ip6tables mangle keep && let_in | renew ip6tables filter keep; }
}
# unkeep: when it is gone
unkeep() {
  firewall || return 0
  for t in iptables ip6tables; do command -v "$t$FW-save" > /dev/null || continue; for table in filter mangle; do renew $t $table keep < /dev/null; done; done
}
# steer CONTAINER FIRST SECOND: requests reach that one from now on; should it die, FIRST or else SECOND is to serve
steer() {
  firewall || return 1
  a=$(address_of "$1"); pid=$(pid_of "$1"); [ -n "$a" ] && alive "$pid" || return 1
  how=both; [ "$FW_KNOWN" = docker ] || how=redirect
  is_passed_on "$(head -n 1 "$SD/warm-ports" | cut -d ' ' -f 2)" || { [ $how = both ] || return 1; how=dnat; }
  echo "$a $pid $1 $2 $3" > "$SD/steered.new" && mv "$SD/steered.new" "$SD/steered"
  [ "$FW_KNOWN" != nft ] || { nft_steer; return; }
  steer4 "$a" $how "$(bridges | tr '\\n' ' ')" | renew iptables nat steer || return 1
  ! over6 || [ $how = dnat ] || steer6 | renew ip6tables nat steer
}
unsteer() {
  ! firewall || for t in iptables ip6tables; do ! command -v "$t$FW-save" > /dev/null || renew $t nat steer < /dev/null; done
  nft_unsteer
  rm -f "$SD/steered"
}
steering() { if [ "$FW_KNOWN" = nft ]; then nft_steering; else rules_of iptables nat steer; fi; }
is_steered() { [ -f "$SD/steered" ] && firewall && [ -n "$(steering)" ]; }
# was_hit: a packet has met one of the rules
was_hit() {
  if [ "$FW_KNOWN" = nft ]; then nft_steering | grep -qv 'counter packets 0 '
  else $AS_ROOT "iptables$FW-save" -c -t nat 2> /dev/null | grep -E -- "--comment \\"?bactrian $SR steer " | grep -qv '^\\[0:'; fi
}

# ask ADDRESS PORT [HOST [PATH]]: the status of whatever HTTP answer comes within three seconds; a path that costs an app little, whatever it says to it
ask() {
  if command -v curl > /dev/null; then curl -gs --noproxy '*' \${3:+-H "Host: $3"} -o /dev/null -m 3 -w '%{http_code}' "http://$1:$2\${4:-/up}" | grep -v 000
  elif command -v wget > /dev/null; then http_proxy= wget -t 1 -S -T 3 \${3:+--header "Host: $3"} -O /dev/null "http://$1:$2\${4:-/up}" 2>&1 | sed -n 's,.*HTTP/1[^ ]* \\([0-9]*\\).*,\\1,p' | head -n 1 | grep .
  else timeout 3 bash -c 'exec 3<> "/dev/tcp/$0/$1"; printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n" "$3" "$2" >&3; head -n 1 <&3' "$1" "$2" "\${3:-$1}" "\${4:-/up}" 2> /dev/null | cut -d ' ' -f 2 | grep .
  fi
}
can_ask() { command -v curl > /dev/null || command -v wget > /dev/null || command -v bash > /dev/null; }
# own_address: one of the host's, by which requests to its steered HTTP port take the rules' way: ADDRESS PORT
own_address() {
  steered_ports | grep '^80 ' | grep -v ' [^ ]*:[^ ]* ' | sort -k 2 | tail -n 1 | while read -r _ ip p; do
    [ "$ip" != - ] || ip=$(docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}} {{end}}' kamal 2> /dev/null | tr ' ' '\\n' | grep -v : | grep . | head -n 1)
    [ -z "$ip" ] || echo "$ip $p"
  done
}

# connections PID PORT…: those that aren't over yet at these ports inside that process's network
connections() {
  p=$1; shift
  if [ -r "/proc/$p/net/tcp" ]; then cat "/proc/$p/net/tcp" "/proc/$p/net/tcp6"; else $AS_ROOT cat "/proc/$p/net/tcp" "/proc/$p/net/tcp6"; fi 2> /dev/null |
    awk -v ports=" $(printf '%04X ' "$@")" '{ n = split($2, a, ":"); if (index(ports, " " a[n] " ") && index(" 01 03 04 08 09 0B ", " " $4 " ")) c++ } END { print c + 0 }'
}
# start_warm CONTAINER: shut to the outside, and running; a boot has forgotten the rules
start_warm() { [ ! -s "$SD/warm-ports" ] || keep || return 1; is_running "$1" || docker start "$1" > /dev/null; }
# lists CONTAINER SERVICE…: that kamal-proxy answers, and knows all of them
lists() {
  l=$(docker exec "$1" kamal-proxy list 2> /dev/null | sed 's/\\x1b\\[[0-9;]*m//g') || return 1; [ -n "$l" ] || return 1; shift
  for s; do echo "$l" | grep -q "^ *$s " || return 1; done
}
# drain CONTAINER SECONDS: until nobody is connected to its published ports any more, or the time is over; OPEN: who still is, DRAINED: who was
drain() {
  pid=$(pid_of "$1"); ports=$(published "$1" | cut -d ' ' -f 1 | sort -u | tr '\\n' ' '); OPEN=0; DRAINED=0; quiet=0
  alive "$pid" || return 0
  until=$(( $(centiseconds) + $2 * 100 ))
  while alive "$pid"; do
    OPEN=$(connections "$pid" $ports); [ "$OPEN" -le "$DRAINED" ] || DRAINED=$OPEN
    # One may still be on its way in from before the rules: it has to be quiet twice.
    if [ "$OPEN" = 0 ]; then quiet=$((quiet + 1)); [ $quiet -lt 2 ] || break; else quiet=0; fi
    [ "$(centiseconds)" -lt $until ] || break
    sleep 0.1
  done
}
`;
