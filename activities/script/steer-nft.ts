/**
 * The same steering in a table of our own, for hosts whose Docker keeps its rules in nftables' own tables (moby's
 * `firewall-backend: nftables`). Which of two chains at the same place decides is a matter of which one is older, so iptables'
 * chains may come too late there; this table's stand a step before all that change addresses (-100), whoever made them when.
 *
 * All of it goes by REDIRECT to the port on which the warm proxy is published: Docker's own rules would drop what comes to a
 * container's address past them. One table a run and family, replaced and removed as a whole, in one transaction.
 */
export const STEERING_BY_NFT = `
# keeps_nft_rules: Docker, in tables of its own
keeps_nft_rules() { command -v nft > /dev/null && $AS_ROOT nft list table ip docker-bridges > /dev/null 2>&1; }
# nft_rules FAMILY WHERE: one for each port that is steered; WHERE is here (what the host itself sends) or outside
nft_rules() {
  steered_ports | while read -r c ip p; do
    to='fib daddr type local'
    case $1$ip in
      ip*-) ;;
      ip6\\[*|ip6*:*) to="ip6 daddr $ip" ;;
      ip6*|ip*:*) continue ;;
      ip127.*) [ "$2" = here ] || continue; to="ip daddr $ip" ;;
      *) to="ip daddr $ip" ;;
    esac
    echo "tcp dport $p $to counter redirect to :$(warm_port "$c") comment \\"bactrian $SR steer until $UNTIL\\""
  done
}
# nft_table FAMILY: as it is to be, in the place of what was there
nft_table() {
  printf '%s\\n' "table $1 bactrian-$SR" "delete table $1 bactrian-$SR" "table $1 bactrian-$SR {" \\
    'chain outside {' 'type nat hook prerouting priority -105' "$(nft_rules "$1" outside)" '}' \\
    'chain here {' 'type nat hook output priority -105' "$(nft_rules "$1" here)" '}' '}'
}
nft_steer() { nft_table ip | $AS_ROOT nft -f - && nft_table ip6 | $AS_ROOT nft -f -; }
nft_unsteer() { ! command -v nft > /dev/null || for family in ip ip6; do $AS_ROOT nft delete table $family "bactrian-$SR" 2> /dev/null; done; }
# nft_steering: the rules for IPv4, with what they have counted
nft_steering() { $AS_ROOT nft list table ip "bactrian-$SR" 2> /dev/null | grep 'comment "bactrian '; }
# nft_runs: a line for each rule of each run: the run
nft_runs() {
  ! command -v nft > /dev/null || $AS_ROOT nft list tables 2> /dev/null | sed -n 's/^table \\(ip6\\{0,1\\} bactrian-.*\\)/\\1/p' | while read -r family table; do
    $AS_ROOT nft list table "$family" "$table" < /dev/null | sed -n 's/.*comment "bactrian \\([^ "]*\\) steer .*/\\1/p'
  done
}
`;
