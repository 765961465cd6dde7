import { shellQuote } from '../../src/kamal/shell.ts';

/**
 * The fence's token: which attempt of which step of which run a script belongs to. Ordered; an older one is refused.
 */
export interface Token {
  run: string;
  /** Milliseconds since the epoch. */
  runStartedAt: number;
  seq: number;
  attempt: number;
}

/** Exit codes of the bootstrap itself, apart from those of scripts. */
export const EXIT = { fenced: 97, locked: 98, failed: 96 } as const;

/** A connection that dies while a script is sent looks like an end of file: without this line nothing is run. */
export const LAST_LINE = '# bactrian: that is all';

/** Our folder on a host, below the login user's home; 0700. */
export const BACTRIAN_DIRECTORY = '.kamal/bactrian';

/**
 * The command that receives a script on its stdin and runs it, the same for all steps but for its run and three numbers.
 *
 * The script runs in a session of its own and writes to a file: when our connection dies it goes on to its end, and
 * the next attempt finds it by the lock. The script file is 0600 and removes itself before it does anything, since it
 * may carry the contents of env files.
 */
export function bootstrap(token: Token): string {
  const outer = `umask 077
[ -d .kamal ] || (umask 022; mkdir -p .kamal) || exit ${EXIT.failed}
d=${BACTRIAN_DIRECTORY}/$1; mkdir -p "$d" || exit ${EXIT.failed}
f=$d/$3.$4
cat > "$f.sh" || exit ${EXIT.failed}
[ "$(tail -n 1 "$f.sh")" = '${LAST_LINE}' ] || { rm -f "$f.sh"; echo "@fail HostUnreachable the script did not arrive whole"; exit ${EXIT.failed}; }
setsid sh "$f.sh" "$1" "$2" "$3" "$4" > "$f.out" 2>&1 < /dev/null &
p=$!
echo $p > "$f.pid"
wait $p; c=$?
tail -c 1000000 "$f.out"
rm -f "$f.pid"
exit $c`;
  const words = [token.run, token.runStartedAt, token.seq, token.attempt].map((word) => shellQuote(String(word)));
  return `sh -c ${shellQuote(outer)} bactrian ${words.join(' ')}`;
}

/** The command that ends an attempt's script with all it started, when the attempt was cancelled. */
export function terminate(token: Token): string {
  const file = `${BACTRIAN_DIRECTORY}/${token.run}/${token.seq}.${token.attempt}.pid`;
  return `p=$(cat ${shellQuote(file)} 2>/dev/null) && [ -n "$p" ] && kill -TERM "-$p"`;
}

/**
 * What comes before each script: it takes the host's lock, joins what an older attempt still does or, when that takes
 * longer than `joinSeconds`, ends it, and refuses to run for a token older than the last one seen.
 *
 * @param joinSeconds how long to wait for the script that holds the lock; scripts end by themselves, so this is longer
 *   than the longest of them
 */
export function prologue(fence: string, joinSeconds: number): string {
  return `rm -f "$0"
trap '' HUP PIPE
umask 022
B=${BACTRIAN_DIRECTORY}; RUN=$1; D=$B/$1
exec 9> $B/lock
if ! flock -w ${joinSeconds} 9; then
  read -r p whose < $B/holder 2>/dev/null
  # Another deployment's script may take as long as it takes; ours is ended, if the number is still that process's.
  [ "$whose" = ${fence} ] || { echo "@fail HostUnreachable another deployment's step works on this host just now"; exit ${EXIT.locked}; }
  grep -q bactrian "/proc/$p/cmdline" 2>/dev/null && kill -TERM "-$p" 2>/dev/null
  flock -w 15 9 || { grep -q bactrian "/proc/$p/cmdline" 2>/dev/null && kill -KILL "-$p" 2>/dev/null; }
  flock -w 15 9 || { echo "@fail StepFailed another script holds the lock $B/lock and can't be ended"; exit ${EXIT.locked}; }
fi
F=$B/${fence}
if [ -f "$F" ]; then
  read -r a b c < "$F"
  if [ "$a" -gt "$2" ] || { [ "$a" -eq "$2" ] && { [ "$b" -gt "$3" ] || { [ "$b" -eq "$3" ] && [ "$c" -gt "$4" ]; }; }; }; then
    echo "@fail Fenced a newer step ($a $b $c) has run on this host since this attempt ($2 $3 $4) began"; exit ${EXIT.fenced}
  fi
fi
echo "$2 $3 $4" > "$F.new" && mv "$F.new" "$F"
echo "$$ "${fence} > $B/holder
# Whose run this is: one host may carry several deployments, and none looks at another's runs.
echo ${fence} > "$D/of"
`;
}
