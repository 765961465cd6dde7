import { audit } from './words.ts';

export interface PruneScript {
  /** A role is behind the proxy here: then what is called traefik is Kamal's. */
  proxied: boolean;
  /** The end of the warm proxy, where one is still letting go of connections. */
  letWarmGo: string;
  /** What becomes of a Traefik that serves others, too: before and after its published container goes. */
  shared: { before: string; after: string };
  /** Kamal's own commands, with the audit lines that go with them. */
  tagLatest: { command: string; audit: string } | null;
  /** Kamal's clean-up of assets and error pages of other versions. */
  leftovers: string[];
  pruneContainers: { command: string; audit: string };
  pruneImages: { commands: string[]; audit: string };
}

/** How many runs' folders are kept on a host. */
const KEPT_RUNS = 5;

/**
 * The point of no return. Traefik goes by id, and its image only if no other container has it: other projects use
 * Traefik too, which a prune by label would take away (Kamal 2.12 prunes by label).
 */
export function pruneScript(args: PruneScript): string {
  return `
# From here on nothing is undone any more, whatever becomes of the rest of this script.
[ ! -f "$D/$JOURNAL.journal" ] || journalled committed || journal committed
${args.letWarmGo}
${args.shared.before}
${args.proxied ? removeProxy('traefik', "Traefik's") : ''}
${args.shared.after}
${kamalsPrunes(args)}
${afterPrune()}`;
}

/**
 * The proxy that serves nobody any more goes by id, and its image only if no other container has it.
 *
 * @param container its name
 * @param whose its name in words for people, as whose image it is
 */
export function removeProxy(container: string, whose: string): string {
  return `t=$(id ${container})
if [ -n "$t" ] && ! is_running "$t"; then
  image=$(image_of "$t")
  journalled "${container}-image $image" || journal "${container}-image $image"
  docker rm "$t" > /dev/null && changed 'removed the container ${container}'
fi
image=$(sed -n 's/^${container}-image //p' "$D/$JOURNAL.journal" 2>/dev/null | tail -n 1)
if [ -n "$image" ] && docker image inspect "$image" > /dev/null 2>&1; then
  if [ -z "$(docker ps -aq --filter "ancestor=$image")" ]; then
    for tag in $(docker image inspect -f '{{join .RepoTags " "}}' "$image"); do docker rmi "$tag" > /dev/null || note "the image $tag stays: it is in use"; done
    docker image inspect "$image" > /dev/null 2>&1 && docker rmi "$image" > /dev/null 2>&1
    changed "removed ${whose} image"
  else
    note "${whose} image stays: another container uses it"
  fi
fi`;
}

/** What Kamal itself does at the end of a deploy, of either generation, with its own commands. */
export function kamalsPrunes(args: Pick<PruneScript, 'tagLatest' | 'leftovers' | 'pruneContainers' | 'pruneImages'>): string {
  return `${args.tagLatest ? `${audit(args.tagLatest.audit)}\n${args.tagLatest.command} || note 'the tag latest could not be set'` : ''}
${args.leftovers.map((command) => `{ ${command}; } > /dev/null 2>&1 || :`).join('\n')}
${audit(args.pruneContainers.audit)}
{ ${args.pruneContainers.command}; } > /dev/null || note 'old containers could not be pruned'
${audit(args.pruneImages.audit)}
${args.pruneImages.commands.map((command) => `{ ${command}; } > /dev/null 2>&1 || :`).join('\n')}`;
}

/** What a run itself leaves on a host goes: secrets at once, its folder when younger ones are there. */
export function afterPrune(): string {
  return `# An engine that went away in between makes everything look gone that is still to go: then all of it once more.
answering
# Scripts whose sender died before they began may carry secrets, and nobody will run them any more.
rm -rf "$D/kept" "$D"/*.sh "$D"/ports.* "$D"/acme.* "$D/knows" "$D/published" "$D/warm-ports" "$D/rules.lock" "$D"/redeploy-*
# A journal that is still open is somebody's only memory of what was done here.
is_open() { [ -f "$1" ] && ! grep -qx committed "$1"; }
ls -1dt "$B"/*/ 2>/dev/null | tail -n +${KEPT_RUNS + 1} | while read -r old; do
  is_open "$old/app.journal" || is_open "$old/accessories.journal" || is_open "$old/lock.journal" || rm -rf "$old"
done
:`;
}
