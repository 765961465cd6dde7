import { afterPrune, kamalsPrunes, removeProxy, type PruneScript } from '../prune.ts';
import { recordUsed } from '../record.ts';
import { q } from '../words.ts';

export interface PruneKamal1Script extends Omit<PruneScript, 'proxied' | 'shared'> {
  /** kamal-proxy's state: services of others may be in it. */
  volume: string;
  /** Directories of cords, without the run's id behind them: `.kamal/cords/shop-web`. */
  cords: readonly string[];
  /** The deployment's name: its record has served. */
  deployment: string;
}

/**
 * The point of no return on the way back. kamal-proxy goes by id, its image only if no other container has it, its
 * volume only when nobody else uses it (Kamal 1.9 prunes container and image by label). Network, env files and assets of
 * Kamal 2 stay, as they do after Kamal 1.9's downgrade: stopped containers that are kept for a rollback need them.
 */
export function pruneKamal1Script(args: PruneKamal1Script): string {
  return `
# From here on nothing is undone any more, whatever becomes of the rest of this script.
[ ! -f "$D/$JOURNAL.journal" ] || journalled committed || journal committed
${args.letWarmGo}
${removeProxy('kamal-proxy', "kamal-proxy's")}
# What an earlier run had put aside.
for i in $(sed -n 's/^renamed \\([0-9a-f]*\\) traefik .*/\\1/p' "$D/$JOURNAL.journal" 2>/dev/null); do docker rm "$i" > /dev/null 2>&1 || :; done
${kamalsPrunes(args)}
if [ -z "$(id kamal-proxy)" ] && docker volume inspect ${q(args.volume)} > /dev/null 2>&1 && [ -z "$(docker ps -aq --filter ${q(`volume=${args.volume}`)})" ]; then
  docker volume rm ${q(args.volume)} > /dev/null 2>&1 && changed ${q(`removed the volume ${args.volume}`)}
fi
${cleanUpCords(args.cords)}
${recordUsed(args.deployment)}
${afterPrune()}`;
}

/** Cords of containers that are gone: each run of Kamal 1 makes new ones. */
function cleanUpCords(cords: readonly string[]): string {
  if (cords.length === 0) return ':';
  // Nothing but a run's id may follow: `shop-web-…` may also be another destination's.
  const directories = cords.map((cord) => `${q(`${cord}-`)}${'[0-9a-f]'.repeat(32)}`);
  return `mounted=$(docker ps -aq --no-trunc | while read -r i; do docker inspect -f '{{range .Mounts}}{{.Source}}{{"\\n"}}{{end}}' "$i" 2> /dev/null; done)
for cord in ${directories.join(' ')}; do
  [ ! -d "$cord" ] || echo "$mounted" | grep -qxF -- "$(cd "$cord" && pwd)" || rm -rf "$cord"
done`;
}
