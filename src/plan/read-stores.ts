import { pemBlocks, readAcmeJson, type StoredCertificate } from './acme-json.ts';
import { certificateFacts } from './certificates.ts';
import { sectionsOf } from './read-facts.ts';

/** What a look into Traefik's stores has found (`activities/script/kamal1/stores.ts`). */
export interface StoresFound {
  /** By place in the list of stores: the file's text, empty where there is none yet. What could not be read is left out. */
  texts: Map<number, string>;
  /** What is in them. */
  stored: StoredCertificate[];
  /** What kamal-proxy has for their names. */
  held: StoredCertificate[];
}

export function readStores(output: string): StoresFound {
  const sections = sectionsOf(output);
  const pairs = (section: string) => (sections.get(section) ?? '').split('\n').flatMap((line): [string, string][] => {
    const [name = '', encoded = ''] = line.split(' ');
    return name === '' ? [] : [[name, Buffer.from(encoded, 'base64').toString()]];
  });
  const texts = new Map(pairs('stores').map(([at, text]) => [Number(at), text]));
  const held = pairs('cache').flatMap(([name, text]) => {
    const chain = pemBlocks(text, 'CERTIFICATE');
    const facts = certificateFacts(chain);
    // It is found by the name it is filed under, whatever else it is valid for.
    return facts ? [{ ...facts, names: [name], chain, privateKey: pemBlocks(text, '[A-Z ]*PRIVATE KEY') }] : [];
  });
  return { texts, stored: [...texts.values()].flatMap(readAcmeJson), held };
}
