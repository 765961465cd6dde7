import { startLoad } from '../../lab/load.ts';
import type { RunningLoad } from '../../lab/load.ts';
import type { TlsHost } from '../../lab/tls.ts';

/** Traefik sends whoever asks for anything over HTTP to HTTPS; kamal-proxy knows its own names only. */
export const ACCEPTED_WITH_TLS = ['by ip', 'unknown host'].flatMap((who) => [`http ${who} /up`, `http ${who} /`]).join(',');

/** Clients that check the certificate of each of a host's names, with new connections and with such that they keep. */
export async function startTlsLoad({ host, names }: Pick<TlsHost, 'host' | 'names'>, authority: string): Promise<RunningLoad> {
  const stream = { perSecond: 4, expect: 'labapp ', address: host.address, authority };
  return await startLoad({
    maxSeconds: 300,
    timeoutSeconds: 5,
    streams: names.flatMap((name) => [
      { ...stream, name: `${name}, new`, url: `https://${name}/` },
      { ...stream, name: `${name}, kept`, url: `https://${name}/`, keepAlive: true },
    ]),
  });
}
