import { BACTRIAN_DIRECTORY } from './bootstrap.ts';
import { putBackScript } from './put-back.ts';
import { VOCABULARY } from './vocabulary.ts';

/**
 * Two generations of a role run side by side from its boot to the cutover. Should all of our side fall silent in
 * between (a laptop shut for the night), the host itself puts the new one away after a while: it needs nobody for it.
 *
 * @param run the run's name
 * @param seconds how long the overlap may last
 * @param healthSeconds how long an old container that is started again may take to become healthy
 */
export function armOverlapTimer(run: string, seconds: number, healthSeconds: number): string {
  return `
# Armed already, and its process alive: a host that went down and up again has the file, but nobody who waits.
if [ ! -f "$D/overlap" ] || ! grep -q overlap "/proc/$(cat "$D/overlap.pid" 2>/dev/null)/cmdline" 2>/dev/null; then
  cat > "$D/overlap" <<'BACTRIAN_OVERLAP'
B=${BACTRIAN_DIRECTORY}; RUN=${run}; D=$B/$RUN; JOURNAL=app
exec 9> $B/lock; flock 9
[ -f "$D/overlap" ] || exit 0
${VOCABULARY}
${putBackScript(healthSeconds)}
: > "$D/put-away"
undo_run "$D"
rm -f "$D/overlap"
BACTRIAN_OVERLAP
  setsid sh -c 'exec 9>&-; sleep ${seconds}; exec sh "$1"' overlap "$D/overlap" > "$D/overlap.out" 2>&1 < /dev/null &
  echo $! > "$D/overlap.pid"
fi`;
}

/** Comes before steps that build on what the timer may have put away. */
export const REFUSE_AFTER_OVERLAP = `
[ ! -f "$D/put-away" ] || fail OverlapEnded 'nobody of ours was there while two generations ran side by side: the host put the new one away by itself, and serves as before; run the upgrade again'`;

/** Once a host is put back in order it can be begun with anew, in the same run. */
export const FORGET_PUT_AWAY = 'rm -f "$D/put-away"';

/** The overlap ends in order: by the cutover, or by putting back. */
export const DISARM_OVERLAP_TIMER = `
if [ -f "$D/overlap" ]; then
  rm -f "$D/overlap"; p=$(cat "$D/overlap.pid" 2>/dev/null)
  # After a reboot of the host the number may be anybody's.
  [ -n "$p" ] && grep -q overlap "/proc/$p/cmdline" 2>/dev/null && kill -TERM "-$p" 2>/dev/null
  rm -f "$D/overlap.pid" "$D/overlap.out"
fi`;
