import { BACTRIAN_DIRECTORY } from './bootstrap.ts';
import { fromBase64, q } from './words.ts';

/** The words by which a lock's details name the run that holds it. */
export function lockMessage(run: string): string {
  return `bactrian run ${run}`;
}

/**
 * The run of ours that made a lock, or null when somebody else did. Its details name it; one that was half made when
 * everything died has none, but that run's journal on the host speaks of it.
 */
export function runOfLock(lock: { details: string | null; intendedBy: string | null }): string | null {
  if (lock.details === null) return lock.intendedBy;
  return /bactrian run (\S+)/.exec(lock.details)?.[1] ?? null;
}

export interface LockScript {
  /** Kamal 2's lock and Kamal 1's: neither looks at the other's. */
  paths: string[];
  /** The bytes of the details file, as Kamal writes it (base64 lines). */
  details: string;
  takeOverLockOf: string | null;
}

/**
 * Takes the deploy lock as Kamal does: `mkdir` is the test. The intent is in the journal first, so that a lock which was
 * half made when everything died is known for ours. Somebody else's is shown and never broken.
 */
export function acquireScript(args: LockScript): string {
  const ours = args.takeOverLockOf ? `*${q(lockMessage(args.takeOverLockOf))}*) changed ${q(`took over the lock of run ${args.takeOverLockOf}, which is over`)} ;;` : '';
  return `
# An intent that came to nothing: what is there was made by somebody else.
forget() { grep -vxF -- "$*" "$D/$JOURNAL.journal" > "$D/$JOURNAL.journal.new"; mv "$D/$JOURNAL.journal.new" "$D/$JOURNAL.journal"; }
take() {
  intended=; journalled "lock $1" && intended=yes
  [ -d "\${1%/*}" ] || mkdir -p "\${1%/*}"
  [ -n "$intended" ] || journal "lock $1"
  if mkdir "$1" 2>/dev/null; then changed "locked $1"
  else
    [ -n "$intended" ] || forget "lock $1"
    text=$(base64 -d < "$1/details" 2>/dev/null)
    case $text in
      *"bactrian run $RUN"*) return 0 ;;
      ${ours}
      '') [ -n "$intended" ]${args.takeOverLockOf ? ` || grep -qxF "lock $1" "$B"/${q(args.takeOverLockOf)}/lock.journal 2>/dev/null` : ''} || fail LockHeld "the deploy lock $1 is held: it exists, without details" ;;
      *) fail LockHeld "the deploy lock $1 is held: $(echo "$text" | tr '\\n' ' ')" ;;
    esac
  fi
  ${fromBase64(args.details, '> "$1/details.new"')}
  mv "$1/details.new" "$1/details"
}
give_up() { for p in ${args.paths.map(q).join(' ')}; do case $(base64 -d < "$p/details" 2>/dev/null) in *"bactrian run $RUN"*) rm -rf "$p" ;; esac; done; }
for p in ${args.paths.map(q).join(' ')}; do
  ( take "$p" ) || { give_up; exit 1; }
done
${args.takeOverLockOf ? forgetLocksOf(args.takeOverLockOf) : ''}`;
}

/** A run that is over holds no lock any more: what its journal says of locks must not make a later one look like its. */
export function forgetLocksOf(run: string): string {
  const journal = `${BACTRIAN_DIRECTORY}/${run}/lock.journal`;
  return `[ ! -f ${q(journal)} ] || mv ${q(journal)} ${q(`${journal}.over`)}`;
}

/** Releases the locks that are this run's, and no others. */
export function releaseScript(paths: string[]): string {
  return `
for p in ${paths.map(q).join(' ')}; do
  [ -d "$p" ] || continue
  text=$(base64 -d < "$p/details" 2>/dev/null)
  case $text in
    *"bactrian run $RUN"*) rm -f "$p/details" "$p/details.new"; rmdir "$p"; changed "released $p" ;;
    '') journalled "lock $p" && { rm -f "$p/details" "$p/details.new"; rmdir "$p" && changed "released $p"; } ;;
    *) note "the lock $p is somebody else's by now" ;;
  esac
done
[ -f "$D/$JOURNAL.journal" ] && mv "$D/$JOURNAL.journal" "$D/$JOURNAL.journal.over"
:`;
}
