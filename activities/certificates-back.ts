import { CancelledFailure, cancellationSignal } from '@temporalio/activity';
import { kamal1 } from '../src/kamal/index.ts';
import { withCertificates } from '../src/plan/acme-json.ts';
import { dateOf } from '../src/plan/certificates.ts';
import { chooseBack } from '../src/plan/certificates-back.ts';
import type { HostFacts } from '../src/plan/facts.ts';
import { readStores } from '../src/plan/read-stores.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { PrepareHostArgs } from './api.ts';
import { hasItsKey } from './certificates.ts';
import type { Context } from './context.ts';
import { sshErrors } from './remote-step.ts';
import { lookIntoStores, type NewStore } from './script/kamal1/stores.ts';

/**
 * The certificates on a host that Traefik will have, and those that kamal-proxy has for the same names: names and dates, no keys.
 *
 * @throws SshError
 */
export async function lookAtStores(connection: SshConnection, deployment: kamal1.Kamal1Deployment): Promise<HostFacts['certificates'] | null> {
  const stores = kamal1.certificateStores(deployment, connection.host);
  if (stores.length === 0) return null;
  const { stdout } = await connection.exec('sh -s', { stdin: lookIntoStores(stores, null, false), timeoutMs: 60_000 });
  const { stored, held } = readStores(stdout);
  const facts = (list: typeof held) => list.map(({ names, notAfter, key }) => ({ names, notAfter, key }));
  return { proxy: facts(held), traefik: facts(stored) };
}

/**
 * Reads, from the host, what kamal-proxy has got or renewed since Traefik was there, and makes Traefik's files anew with it.
 * Keys are in this process's memory, go back over the connection's stdin, and are told to the scrubber.
 *
 * @returns the files that change; none where Traefik gets no certificates by itself, or its own are as good
 * @throws ApplicationFailure when the host can't be asked
 */
export async function certificatesBack(context: Context, args: PrepareHostArgs, deployment: kamal1.Kamal1Deployment): Promise<NewStore[]> {
  const stores = kamal1.certificateStores(deployment, args.host);
  if (!args.importCertificates || stores.length === 0) return [];
  const signal = cancellationSignal();
  const look = lookIntoStores(stores, args.run, true);
  const result = await sshErrors(async () => (await context.connection(args.digest, args.host, signal)).exec('sh -s', { stdin: look, signal, timeoutMs: 60_000 })).catch((error: unknown) => {
    throw signal.aborted ? new CancelledFailure('the look at the certificates was cancelled') : error;
  });
  const { texts, stored, held } = readStores(result.stdout);
  for (const { privateKey } of [...stored, ...held]) context.store.keepSecret(privateKey);
  for (const text of texts.values()) for (const [, key = ''] of text.matchAll(/"(?:private)?key"\s*:\s*"([^"]{40,})"/gi)) context.store.keepSecret(key);
  const chosen = chooseBack(stores, held.filter(hasItsKey), stored, Date.now());
  return stores.flatMap((store, at) => {
    const text = texts.get(at);
    const carried = chosen.flatMap((each) => (each.store === store && each.carried ? [{ name: each.name, ...each.carried }] : []));
    if (store.place === null || text === undefined || carried.length === 0) return [];
    const notes = carried.map(({ name, notAfter }) => `the certificate of ${name} is carried over from kamal-proxy (ends ${dateOf(notAfter)})`);
    return [{ at, place: store.place, text: withCertificates(text, store.resolver, carried), notes }];
  });
}
