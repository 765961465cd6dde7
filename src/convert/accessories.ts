import { isHash, toS, type Hash } from '../kamal/ruby/value.ts';
import { proxyOf } from './traefik/routers.ts';
import type { Settings } from './traefik/settings.ts';
import { child, sharedNetworks, traefikLabels, whole, type View } from './view.ts';

/** What is added to accessories: `proxy` for those that Traefik's labels led to, `network` for one of their own. */
export function accessoriesOf(view: View, args: Settings): Hash {
  const result: Hash = new Map();
  for (const [key, value] of child(view.raw, 'accessories')) {
    const name = toS(key);
    if (!isHash(value)) continue;
    const added: Hash = new Map();
    const proxy = proxyFor(view, name, value, args);
    if (proxy.size > 0) added.set('proxy', proxy);
    const network = child(value, 'options').get('network');
    if (network !== undefined && network !== null && !sharedNetworks(view.raw).has(toS(network))) added.set('network', network);
    if (added.size > 0) result.set(key, added);
  }
  return result;
}

function proxyFor(view: View, name: string, accessory: Hash, args: Settings): Hash {
  const path = ['accessories', name, 'labels'];
  const labels = traefikLabels(view, [path]);
  if (labels.size === 0 || labels.get('traefik.enable') === 'false') return new Map();
  const proxy = proxyOf({ labels, args, own: '' }, view.report);
  if (proxy.size === 0) return proxy;
  if (!proxy.has('app_port')) {
    const port = toS(accessory.get('port')).split(':').at(-1) ?? '';
    if (port !== '') proxy.set('app_port', whole(port));
    else view.report.note(view.placeOf(path), `accessories/${name}: which port it listens on isn't said`, `Traefik took the one that the image exposes; kamal-proxy takes 80 unless accessories/${name}/proxy/app_port says otherwise`);
  }
  return proxy;
}
