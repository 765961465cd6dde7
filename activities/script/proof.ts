import { STEERING } from './steer.ts';
import { VOCABULARY } from './vocabulary.ts';
import { WATCH } from './watch.ts';

/** Nothing of a proof is left after so long, however it ended. Seconds. */
const PROOF_SECONDS = 20;

/**
 * Sees whether requests can be steered on this host, instead of guessing from versions: a spare port, on which nothing
 * listens, is steered to the proxy that runs, and asked the ways that clients take. Prints `proven` or why not. Nothing
 * that serves is touched, and nothing stays: the rules go at the end, on each signal, and by a process of their own. Its
 * stdin is nobody's: where sudo logs what goes in (`log_input`) it would swallow the rest of the script.
 */
export const PROOF = `
proof() (
  ${VOCABULARY}
  no() { echo "$*"; exit 0; }
  RUN=proof-$$; D=$(mktemp -d) || no 'no folder for temporary files'
  B=$D; JOURNAL=app; UNTIL=$(( $(date +%s) + ${PROOF_SECONDS} ))
  ${STEERING}${WATCH}
  trap 'rm -rf "$D"' EXIT
  [ -z "$AS_ROOT" ] || $AS_ROOT true 2> /dev/null || no 'no root and no sudo -n'
  command -v iptables-restore > /dev/null || no 'no iptables'
  firewall || no 'iptables lists no rules'
  can_ask || no 'no curl, wget or bash to ask with'
  proxy=; for i in traefik kamal-proxy; do is_running $i && { proxy=$i; break; }; done
  [ -n "$proxy" ] || no 'no proxy runs that it could be tried on'
  read -r c ip p <<BACTRIAN_PORT
$(published $proxy | grep -v ' [^ ]*:[^ ]* ' | sort -n | head -n 1)
BACTRIAN_PORT
  [ -n "$p" ] || no "$proxy publishes no port"
  spare=$((29000 + $$ % 900)); while is_listening $spare; do spare=$((spare + 1)); done
  echo "$c $p" > "$D/warm-ports"; echo "$c $ip $spare" > "$D/published"
  words_beside
  setsid sh -c 'RUN=$1; D=$2; . "$D/words"; sleep ${PROOF_SECONDS}; [ -d "$D" ] || exit 0; unsteer; unkeep; rm -rf "$D"' bactrian-proof "$RUN" "$D" > /dev/null 2>&1 < /dev/null &
  cleaner=$!
  trap 'unsteer; unkeep; rm -rf "$D"; kill -TERM "-$cleaner"' EXIT
  trap 'exit 1' HUP INT TERM PIPE
  let_in | renew iptables filter keep && { ! over6 || let_in | renew ip6tables filter keep; } || no 'iptables takes no rules'
  [ $ip = - ] || address=$ip
  [ $ip != - ] || address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.Gateway}} {{end}}' $proxy | tr ' ' '\\n' | grep . | head -n 1)
  if [ "$FW_KNOWN" = alone ]; then
    # Docker's own tables (where there is no nft to make one with) and iptables' stand at the same place, the younger ones first: a rule that only
    # counts tells which, for what the host sends. Rules of others may have made the other chain earlier, which nobody can tell.
    ! $AS_ROOT iptables-save -t nat | grep '^-A PREROUTING' | grep -qv bactrian || no "iptables has rules for what comes in, which Docker's own nftables rules may precede"
    echo "-I OUTPUT 1 -p tcp -m tcp --dport $p -m addrtype --dst-type LOCAL -m comment --comment \\"bactrian $SR steer until $UNTIL\\"" | renew iptables nat steer || no 'iptables takes no rules'
    ask "$address" "$p" > /dev/null
    was_hit || no "Docker's own nftables rules come before those of iptables"
  fi
  steer $proxy || no 'iptables takes no rules for new connections'
  missing=
  ask "$address" $spare > /dev/null || missing="$missing, for the host's own address"
  was_hit || missing="$missing, by the rules"
  if [ $ip = - ]; then
    ask 127.0.0.1 $spare > /dev/null || missing="$missing, over loopback"
    ! ask '[::1]' "$p" > /dev/null || ask '[::1]' $spare > /dev/null || missing="$missing, over IPv6"
    if command -v nsenter > /dev/null && command -v curl > /dev/null; then
      inside() { $AS_ROOT nsenter -t "$(pid_of $proxy)" -n curl -gs --noproxy '*' -o /dev/null -m 3 "http://$address:$1/" 2> /dev/null; }
      ! inside "$p" || inside $spare || missing="$missing, from a container"
    fi
  fi
  [ -z "$missing" ] && echo proven || no "requests did not arrive\${missing#,}"
)
section handover; proof 2> /dev/null < /dev/null`;
