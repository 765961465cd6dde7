import { judgeHealth } from '../check/health.ts';
import { containerNamed, inKamalNetwork, KAMAL_PROXY, TRAEFIK, type ContainerFacts } from '../facts.ts';
import { containersOf, isPutAside, isRouted, versionOf } from '../running.ts';
import { routedBeside, traefikBehind } from '../shared-traefik.ts';
import { HOME, type Oddity } from './oddity.ts';
import type { Seen, SeenRole } from './seen.ts';

/** What is odd about who serves the app: the roles' containers, and the proxy in front of them. */
export function servingOddities(seen: Seen): Oddity[] {
  return [...seen.roles.flatMap((role) => roleOddities(seen, role)), ...proxyOddities(seen), ...healthOddities(seen)];
}

function roleOddities({ facts, deployment }: Seen, role: SeenRole): Oddity[] {
  const all = containersOf(facts, deployment, role);
  const running = all.filter((container) => container.running);
  const [inNetwork, outside] = [running.filter(inKamalNetwork), running.filter((container) => !inKamalNetwork(container))];
  const versions = [...new Set(running.map((container) => versionOf(container, role) ?? container.name))];
  const both = inNetwork.filter(({ networks }) => networks.length > 1);
  const halfBooted = all.filter(({ status }) => status === 'created' || status === 'restarting' || status === 'dead');
  return [
    ...(running.length > 0 ? [] : [odd('role', 'fail', `no container of role ${role.name} runs here`, all.length > 0 ? `\`docker start ${all[0]?.name}\` on the host, or \`kamal app boot\`` : 'deploy it with the Kamal that the fleet is on')]),
    ...(inNetwork.length > 0 && outside.length > 0
      ? [odd('two-generations', 'warn', `role ${role.name} runs in both generations: ${names(inNetwork)} in the network kamal, ${names(outside)} outside of it`, HOME)]
      : []),
    ...(versions.length > 1 ? [odd('versions', 'warn', `role ${role.name} runs in several versions: ${versions.join(', ')}`, `the one that is served counts; ${HOME}`)] : []),
    ...(running.length > 0 && running.every((container) => isPutAside(container, role)) ? [odd('half-booted', 'warn', `${names(running)} was put aside for another container, which never came`, HOME)] : []),
    ...both.map(({ name, networks }) => odd('two-networks', 'warn', `${name} is in several networks: ${networks.join(', ')}`, 'somebody joined it by hand, or something was cut off: the next deploy or run boots it in one')),
    ...halfBooted.map(({ name, status }) => odd('half-booted', 'warn', `${name} never came up: it is ${status}`, `see \`docker logs ${name}\`; the next run or deploy puts another one in its place`)),
  ];
}

function proxyOddities(seen: Seen): Oddity[] {
  const { facts, roles } = seen;
  const proxied = roles.filter((role) => role.proxied);
  if (proxied.length === 0) return [];
  const traefik = containerNamed(facts, TRAEFIK);
  const proxy = containerNamed(facts, KAMAL_PROXY);
  const running = proxied.flatMap((role) => containersOf(facts, seen.deployment, role)).filter((container) => container.running);
  const outside = running.some((container) => !inKamalNetwork(container));
  if (traefikBehind(facts) && proxy?.running) {
    const others = routedBeside(facts, proxied.flatMap((role) => containersOf(facts, seen.deployment, role))).map(({ name }) => name);
    const whom = [...(outside ? ['this service'] : []), ...others];
    const stands = odd('traefik', 'note', `Traefik stands behind kamal-proxy, for ${whom.length > 0 ? whom.join(', ') : 'nobody any more'}`, whom.length > 0 ? null : '`docker exec kamal-proxy kamal-proxy remove bactrian-traefik`, then `docker rm -f traefik`, on the host');
    return [stands, ...(outside ? [] : proxied.flatMap((role) => routeOddities(seen, role, proxy)))];
  }
  if (traefik?.running && proxy?.running) return [odd('proxy', 'warn', 'Traefik and kamal-proxy both run: which of them has the ports depends on who came first', HOME)];
  if (proxy?.running) return proxied.flatMap((role) => routeOddities(seen, role, proxy));
  if (traefik?.running) {
    return [
      ...(outside ? [] : running.length > 0 ? [odd('traefik', 'fail', 'Traefik serves, and all that runs of the app is in the network kamal: Traefik has nothing to send requests to', HOME)] : []),
      ...(proxy ? [odd('proxy', 'warn', `Traefik serves, and a kamal-proxy stands beside it, ${proxy.status}`, HOME)] : []),
    ];
  }
  if (running.length === 0 && !traefik && !proxy) return [];
  const [old, next] = [traefik ? `Traefik is stopped (${traefik.status})` : 'Traefik is gone', proxy ? `kamal-proxy is ${proxy.status}` : 'there is no kamal-proxy'];
  // One that can still be started serves at once what is there for it.
  const atOnce = traefik && outside ? `; \`docker start ${TRAEFIK}\` on the host serves at once` : proxy && !outside ? `; \`docker start ${KAMAL_PROXY}\` on the host serves at once what it knows` : '';
  return [odd(traefik || !proxy ? 'traefik' : 'proxy', 'fail', `nobody serves: ${old}, ${next}${outside ? ', and the app still runs outside the network kamal' : ''}`, `${HOME}${atOnce}`)];
}

/** kamal-proxy runs: does it send the role's requests to a container that is there? */
function routeOddities({ facts, deployment }: Seen, role: SeenRole, proxy: ContainerFacts): Oddity[] {
  const running = containersOf(facts, deployment, role).filter((container) => container.running);
  if (facts.routes === null) return [odd('proxy', 'warn', 'kamal-proxy runs, and does not tell what it routes to', `see \`docker logs ${proxy.name}\``)];
  const route = facts.routes.find(({ service }) => service === role.containerPrefix);
  if (!route) return [odd('no-service', 'fail', `kamal-proxy runs and knows no service ${role.containerPrefix}: requests get 404${running.some((container) => !inKamalNetwork(container)) ? ', and the app still runs outside the network kamal' : ''}`, HOME)];
  if (running.some((container) => isRouted(facts, container))) return [];
  return [odd('no-service', 'fail', `kamal-proxy sends ${role.containerPrefix} to ${route.targets.join(', ')}, which does not run: requests get 502`, running.length > 0 ? HOME : '`kamal app boot`')];
}

function healthOddities({ facts, deployment, roles, health }: Seen): Oddity[] {
  const running = roles.flatMap((role) => containersOf(facts, deployment, role)).filter((container) => container.running);
  return [
    ...running.filter((container) => container.health === 'unhealthy').map(({ name }) => odd('unhealthy', 'fail', `${name} is unhealthy by its own check`, `see \`docker logs ${name}\` on the host`)),
    ...health.map((each) => judgeHealth(each)).flatMap(({ level, what, fix }) => (level === 'fail' ? [odd('unhealthy', 'fail', what, fix)] : [])),
  ];
}

const names = (containers: readonly ContainerFacts[]) => containers.map(({ name }) => name).join(', ');

function odd(id: Oddity['id'], weight: Oddity['weight'], what: string, todo: string | null): Oddity {
  return { id, weight, what, todo };
}
