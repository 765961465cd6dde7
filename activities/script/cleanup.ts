import { OWNER_LABEL } from '../../src/plan/facts.ts';
import { BACTRIAN_DIRECTORY, LAST_LINE } from './bootstrap.ts';
import { removeUsedRecord } from './record.ts';
import { STEERING } from './steer.ts';
import { WATCH } from './watch.ts';
import { VOCABULARY } from './vocabulary.ts';
import { q } from './words.ts';

/** all_rules: the runs of which there are rules that steer, a line a rule. Needs the words of `STEERING`, and `firewall`. */
export const ALL_RULES = `all_rules() { for t in iptables ip6tables; do for table in nat filter mangle; do $AS_ROOT "$t$FW-save" -t $table 2> /dev/null; done; done | sed -n 's/.*--comment "\\{0,1\\}bactrian \\([^ "]*\\) .*/\\1/p'; nft_runs; }`;

/** How long it waits for a step that is at work on the host. Seconds. */
const QUIET_SECONDS = 45;

export interface CleanupScript {
  /** The deployment's name in the journals, quoted. */
  fence: string;
  /** The deployment's name, as second proxies have it in their label, too. */
  deployment: string;
  /** Runs that are open: theirs is left alone. */
  open: readonly string[];
  dryRun: boolean;
}

/**
 * Takes away what runs that are over have left on a host: rules that steer, warm proxies, folders. Another deployment's
 * runs are not ours to judge, be their folders in this login user's home or not: their second proxy has the deployment's name
 * in its label, and what works for a run has its name among the arguments. A journal without an end stays for the next
 * upgrade, which puts back by it.
 */
export function cleanupScript({ fence, deployment, open, dryRun }: CleanupScript): string {
  const act = (words: string, command: string) => (dryRun ? `note "would be removed: ${words}"` : `{ ${command}; } && changed "removed ${words}"`);
  return `umask 022
B=${BACTRIAN_DIRECTORY}; RUN=none; D=$B/none; JOURNAL=app
${VOCABULARY}${STEERING}${WATCH}
cleanup() {
answering
[ ! -d $B ] || { exec 9> $B/lock; flock -w ${QUIET_SECONDS} 9 || fail HostUnreachable 'a step works on this host just now'; }
${ALL_RULES}
firewall || note 'rules can not be looked at: no iptables, or neither root nor sudo -n'
temporary=$(mktemp -d); trap 'rm -rf "$temporary"' EXIT
# is_at_work RUN: some process, whoever's, has it as an argument
is_at_work() { $AS_ROOT sh -c 'cat /proc/[0-9]*/cmdline' 2> /dev/null | tr '\\0' '\\n' | SOUGHT=$1 awk '$0 == ENVIRON["SOUGHT"] { found = 1 } END { exit !found }'; }
is_open() { [ -f "$1" ] && ! grep -qx committed "$1"; }
for r in $({ all_rules; docker ps -a --format '{{.Names}}' | sed -n 's/^kamal-proxy-warm-//p; s/^traefik-warm-//p'; for f in $B/*/of; do [ ! -f "$f" ] || basename "$(dirname "$f")"; done; } | sort -u); do
  [ ! -f "$B/$r/of" ] || [ "$(cat "$B/$r/of")" = ${fence} ] || continue
  case ${q(` ${open.join(' ')} `)} in *" $r "*) note "run $r is open: left alone"; continue ;; esac
  warm=$(id "kamal-proxy-warm-$r"); [ -n "$warm" ] || warm=$(id "traefik-warm-$r")
  if [ ! -f "$B/$r/of" ]; then
    whose=; [ -z "$warm" ] || whose=$(docker inspect -f '{{index .Config.Labels "${OWNER_LABEL}"}}' "$warm" 2> /dev/null)
    [ -z "$whose" ] || [ "$whose" = ${q(deployment)} ] || continue
    ! is_at_work "$r" || { note "a step of run $r is at work here: left alone"; continue; }
  fi
  SR=$r; SD=$B/$r; [ -d "$SD" ] || SD=$temporary
  is_retiring && { note "the warm proxy of run $r is letting go of its last connections: left alone"; continue; }
  rules=$(all_rules | grep -cxF "$r")
  if [ "$rules" -gt 0 ] || [ -n "$warm" ]; then
    case $rules in 0) what= ;; 1) what='1 rule' ;; *) what="$rules rules" ;; esac
    [ -z "$warm" ] || what="\${what:+$what and }the warm proxy"
    what="$what of run $r"
    # What they lead to may be all that serves.
    is_running traefik || is_running kamal-proxy || ${dryRun ? ':' : `docker start kamal-proxy > /dev/null 2>&1 || docker start traefik > /dev/null 2>&1 || { note "$what stay: no other proxy serves here, and none starts"; continue; }`}
    ${act('$what', 'unsteer; [ -z "$warm" ] || { drain "$warm" 10; docker stop "$warm" > /dev/null; docker rm -f "$warm" > /dev/null; }; unkeep')}
  fi
  [ "$SD" != "$temporary" ] || continue
  if is_open "$SD/app.journal" || is_open "$SD/accessories.journal"; then note "run $r was cut off here: its journal stays, and the next upgrade puts back by it"
  elif is_open "$SD/lock.journal"; then note "run $r may have left a deploy lock: bactrian unlock"
  else ${act('the folder of run $r', 'rm -rf "$SD"')}; fi
done
${removeUsedRecord(deployment, act)}
}
# Whole before it begins: sudo may read what is its stdin (\`log_input\`), and that is this script.
cleanup < /dev/null
${LAST_LINE}`;
}
