import { isHash, isPresent, toS, type Hash, type Value } from '../kamal/ruby/value.ts';
import { child, type View } from './view.ts';

/** What most servers are. */
const DEFAULT_ARCH = 'amd64';

/**
 * `builder` in Kamal 2's form: `arch`, and `remote` and `local` where there is a remote builder. The other keys mean
 * the same in both. Kamal 1.9: `Commands::Builder#target`.
 */
export function builderOf(view: View): Hash {
  const builder = child(view.raw, 'builder');
  const { report } = view;
  const result: Hash = new Map();
  const local = builder.get('local');
  const remote = builder.get('remote');
  const multiarch = builder.get('multiarch') !== false;
  if (isPresent(builder.get('arch')) && !isHash(local) && !isHash(remote)) return result;
  const localArch = isHash(local) ? (local.get('arch') ?? null) : null;
  const remoteArch = isHash(remote) ? (remote.get('arch') ?? null) : null;
  const remoteHost = isHash(remote) ? (remote.get('host') ?? null) : null;
  const host = isHash(local) ? toS(local.get('host')) : '';
  if (host !== '' && host !== 'unix:///var/run/docker.sock') {
    report.note(view.placeOf(['builder', 'local', 'host']), `builder/local/host: ${host}`, 'Kamal 2 builds with the Docker that DOCKER_HOST or `docker context use` names');
  }
  result.set('arch', archOf(view, { localArch, remoteArch, multiarch }));
  if (remoteHost !== null && multiarch) {
    result.set('remote', remoteHost);
    // Kamal 1 built there and nowhere else.
    if (!isHash(local)) result.set('local', false);
  } else if (isHash(remote)) {
    report.note(view.placeOf(['builder', 'remote']), 'builder/remote', remoteHost === null ? 'name the builder in builder/remote' : 'nothing: with multiarch: false Kamal 1 didn\'t use it');
  }
  return result;
}

function archOf(view: View, { localArch, remoteArch, multiarch }: { localArch: Value; remoteArch: Value; multiarch: boolean }): Value {
  if (!multiarch) {
    view.report.note(view.placeOf(['builder', 'multiarch']), 'builder/multiarch: false built for the architecture of whoever deployed', `builder/arch is now ${toS(localArch ?? DEFAULT_ARCH)}: change it if the servers are others`);
    return localArch ?? DEFAULT_ARCH;
  }
  const arches = [localArch, remoteArch].filter((arch) => arch !== null);
  const [first] = arches;
  if (arches.length === 2 && toS(arches[0] ?? null) !== toS(arches[1] ?? null)) return arches;
  if (first !== undefined) return first;
  view.report.note(view.placeOf(['builder']), 'builder: Kamal 1 built for amd64 and arm64', `builder/arch is now ${DEFAULT_ARCH}: make it arm64, or a list of both, if there are such servers`);
  return DEFAULT_ARCH;
}
