import type { kamal1 } from '../kamal/index.ts';
import { kamal1 as commands } from '../kamal/index.ts';
import { certificateName, covers, type ServedName } from './certificates.ts';
import type { CertificateFacts, HostFacts } from './facts.ts';

/** A certificate that ends sooner than this isn't worth a change. Milliseconds. */
const SOONEST_END_MS = 3600_000;
/** Ends that are nearer to each other are those of one certificate, or as good. Milliseconds. */
const SAME_END_MS = 24 * 3600_000;

/** By what Traefik will serve a name. */
export interface NameBack<T extends CertificateFacts> {
  name: string;
  /** The store that Traefik will look into. */
  store: kamal1.CertificateStore;
  /** Carried over from kamal-proxy: its own is newer, or Traefik has none. */
  carried: T | null;
  /** What Traefik has, if that will do. */
  stored: CertificateFacts | null;
}

/**
 * Chooses, for each name that Traefik gets certificates for, the one it is to serve: what it has, unless kamal-proxy has got
 * or renewed one since.
 *
 * @param held what kamal-proxy has in its cache, and may be carried over
 * @param stored what Traefik's stores have on this host
 * @param now milliseconds since the epoch
 */
export function chooseBack<T extends CertificateFacts>(stores: readonly kamal1.CertificateStore[], held: readonly T[], stored: readonly CertificateFacts[], now: number): NameBack<T>[] {
  const end = ({ notAfter }: CertificateFacts) => Date.parse(notAfter);
  const best = <C extends CertificateFacts>(from: readonly C[]) => from.filter((each) => end(each) - now >= SOONEST_END_MS).toSorted((a, b) => end(b) - end(a))[0] ?? null;
  return stores.flatMap((store) =>
    store.names.map(certificateName).map((name) => {
      const own = best(stored.filter((each) => covers(each, name)));
      // kamal-proxy's RSA ones are filed under another name, for clients that know nothing newer.
      const newer = store.place === null ? null : best(held.filter((each) => each.key === 'ecdsa' && each.names.includes(name)));
      const carried = newer && (own === null || end(newer) - end(own) > SAME_END_MS) ? newer : null;
      return { name, store, carried, stored: carried === null ? own : null };
    }),
  );
}

/** Which certificate each name with a resolver will be served with after a way back. @param carrying false: kamal-proxy's stay there */
export function servedNamesBack(facts: HostFacts, deployment: kamal1.Kamal1Deployment, carrying: boolean, now: number): ServedName[] {
  return chooseBack(commands.certificateStores(deployment, facts.host), carrying ? facts.certificates.proxy : [], facts.certificates.traefik, now).map(({ name, store, carried, stored }) => {
    if (carried) return { name, from: 'kamal-proxy', notAfter: carried.notAfter, remark: null };
    if (stored) return { name, from: 'Traefik', notAfter: stored.notAfter, remark: null };
    return { name, from: 'nobody', notAfter: null, remark: store.place === null ? `Traefik's file of resolver ${store.resolver} is on no mount, and went with its container` : null };
  });
}
