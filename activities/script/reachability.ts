import { connectScript } from './connect.ts';
import { fromBase64, q } from './words.ts';

export interface ReachabilityScript {
  /** Names what is made for the look, one of each at a time. */
  name: string;
  places: readonly { host: string; port: number }[];
  /** Images with which to look, the app's own first: whichever has a shell. */
  images: readonly string[];
  /** Docker's options by which the app knows names (`--add-host`), ready for a shell. Within a container they are its own. */
  naming: string;
  /** The container whose network to look from; null: from Kamal 2's network, or one like it. */
  within: string | null;
}

/*
 * Docker hands out its pools in turn: a network that it numbers for a look would take the addresses that `kamal` is to
 * get a moment later. So the look takes the first free one by its number, as long as nothing is routed there; only
 * where Docker's pools are configured otherwise is it left to Docker.
 */
const MAKE = `
unrouted() { [ -z "$(ip -4 route show table all match "172.$1.0.1" | grep -v ^default)" ] && [ -z "$(ip -4 route show table all root "172.$1.0.0/16")" ]; }
make() {
  if command -v ip > /dev/null && [ -z "$(docker info -f '{{range .DefaultAddressPools}}{{.Base}} {{end}}' 2> /dev/null)" ]; then
    for b in 18 19 20 21 22 23 24 25 26 27 28 29 30 31; do
      unrouted $b && docker network create --subnet "172.$b.0.0/16" "$n" > /dev/null 2>&1 && return
    done
  fi
  docker network create "$n" > /dev/null 2>&1
}`;

/** Longer than all looks at once take, names that nobody resolves included. */
const SECONDS = 20;

/**
 * Opens places from where the app stands, or will stand: in a container that goes again at once. Where the network
 * `kamal` isn't there yet, one like it is made, from the same pool of addresses, and removed again.
 */
export function reachabilityScript({ name, places, images, naming, within }: ReachabilityScript): string {
  return `
n=${q(name)}; made=; ended=
# A look that was killed left its container, or its network.
clear_away() { docker rm -f "$n" > /dev/null 2>&1; docker network rm "$n" > /dev/null 2>&1; }
clean() { [ -n "$ended" ] || docker rm -f "$n" > /dev/null 2>&1; [ -z "$made" ] || docker network rm "$n" > /dev/null 2>&1; rm -f "$f"; }
f=$(mktemp) || { echo '@blind no temporary file can be made'; exit; }
trap clean EXIT; trap 'exit 1' HUP INT TERM
${fromBase64(connectScript(places), '> "$f"')}
${within === null ? MAKE : ''}
net=${within === null ? 'kamal' : q(`container:${within}`)}
${within === null ? `subnet() { docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{end}}' "$1" 2> /dev/null; }
s=$(subnet kamal) || { net=$n; made=yes; make || { clear_away; make; } || { echo '@blind no network can be made'; exit; }; s=$(subnet "$n"); }
echo "@subnet $s"` : ''}
look_with() {
  ended=
  out=$(timeout -s KILL ${SECONDS} docker run --rm -i --name "$n" --network "$net" ${within === null ? naming : ''} --no-healthcheck --label traefik.enable=false --entrypoint sh "$1" -s < "$f" 2> /dev/null); c=$?
  # One that has ended by itself has gone, too.
  [ $c -gt 128 ] || ended=yes
  case $out in *@place*) echo "$out"; return 0 ;; *) return 1 ;; esac
}
for image in ${images.map(q).join(' ')}; do
  look_with "$image" && exit 0
  [ "$(docker rm -f "$n" 2> /dev/null)" != "$n" ] || ! look_with "$image" || exit 0
done
echo '@blind no image on this host has a shell and a program that connects'
`;
}
