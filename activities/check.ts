import { toS } from '../src/kamal/ruby/value.ts';
import { resolveLookup } from '../src/kamal/configuration/registry.ts';
import type { Deployment, Role, Secrets } from '../src/kamal/index.ts';
import { readCloserLook, type CloserLook, type HealthSeen, type HostLook, type RegistryAnswer } from '../src/plan/check/look.ts';
import type { ContainerFacts, HostFacts } from '../src/plan/facts.ts';
import { runningContainer } from '../src/plan/running.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import { ask } from './asking.ts';
import { askRegistry, type RegistryWish } from './registry.ts';
import { checkScript } from './script/check.ts';

/** Milliseconds: a dozen words with a busy Docker. */
const TIMEOUT_MS = 60_000;

/**
 * Looks at what a run only finds out on its way: whether the app would be found healthy, whether registries let the host
 * in, who listens where. Changes nothing on the host.
 *
 * @throws SshError, SecretMissing
 */
export async function lookCloser(connection: SshConnection, deployment: Deployment, secrets: Secrets, facts: HostFacts): Promise<HostLook> {
  const roles = deployment.rolesOn(facts.host).flatMap((role) => {
    const container = runningContainer(facts, deployment, role);
    return container ? [{ role, container }] : [];
  });
  const images = [...new Set(roles.map(({ container }) => container.image.id))];
  const { stdout } = await connection.exec('sh -s', { stdin: checkScript(roles.map(({ container }) => container.id), images), timeoutMs: TIMEOUT_MS });
  const closer = readCloserLook(stdout);
  const health = await healthOf(connection, roles, closer.listeners);
  return { ...closer, health, login: await loginTo(connection, deployment, secrets, closer), proxyImage: await proxyImageOf(connection, deployment, secrets, facts, closer) };
}

/**
 * Asks containers for their health path, at their own address.
 * @param listeners where containers listen in their own network, by container id
 * @throws SshError when the connection is lost
 */
export async function healthOf(connection: SshConnection, roles: readonly { role: Role; container: ContainerFacts }[], listeners: CloserLook['listeners']): Promise<HealthSeen[]> {
  return await Promise.all(
    roles.flatMap(({ role, container }) => {
      if (!role.runningProxy || !role.proxy) return [];
      const seen = { role: role.name, container: container.name, port: Number(toS(role.proxy.appPort)), path: role.proxy.healthcheckPath ?? '/up', listeners: listeners[container.id] ?? [] };
      const address = container.networkMode === 'host' ? '127.0.0.1' : Object.values(container.addresses)[0];
      return [healthAt(connection, seen, container.id.slice(0, 12), address)];
    }),
  );
}

/** kamal-proxy names the container by the first twelve digits of its id. */
async function healthAt(connection: SshConnection, seen: Omit<HealthSeen, 'answer'>, name: string, address: string | undefined): Promise<HealthSeen> {
  if (address === undefined) return { ...seen, answer: { silent: 'its container has no address' } };
  const question = { name: 'health', scheme: 'http', port: seen.port, host: name, path: seen.path } as const;
  return { ...seen, answer: await ask(connection, { address, port: seen.port }, question, address) };
}

async function loginTo(connection: SshConnection, { registry }: Deployment, secrets: Secrets, { registries, throughProxy }: CloserLook): Promise<RegistryAnswer | null> {
  if (registry.local) return null;
  if (throughProxy) return THROUGH_PROXY;
  return await askRegistry(connection, { server: registry.server, insecure: isInsecure(registry.server, registries.insecure), credentials: credentialsOf(registry, secrets), image: null });
}

const THROUGH_PROXY: RegistryAnswer = { outcome: 'unknown', why: 'Docker reaches registries through a proxy of its own there, so it was not asked' };

async function proxyImageOf(connection: SshConnection, deployment: Deployment, secrets: Secrets, facts: HostFacts, { registries, throughProxy }: CloserLook): Promise<RegistryAnswer> {
  const { image } = deployment.effectiveProxyRun(facts.host);
  if (facts.images.some(({ tags }) => tags.includes(image.replace(/^docker\.io\//, '')))) return { outcome: 'open', why: 'it is on the host' };
  if (throughProxy) return THROUGH_PROXY;
  const { server, repository, tag } = partsOf(image);
  const own = server !== null && server === deployment.registry.server;
  const wish: RegistryWish = { server, insecure: isInsecure(server, registries.insecure), credentials: own ? credentialsOf(deployment.registry, secrets) : null, image: { repository, tag } };
  // Docker asks mirrors of Docker Hub first.
  for (const mirror of server === null ? registries.mirrors : []) {
    const answer = await askRegistry(connection, { ...wish, server: mirror.replace(/^https?:\/\//, ''), insecure: mirror.startsWith('http://') });
    if (answer.outcome === 'open') return answer;
  }
  return await askRegistry(connection, wish);
}

function credentialsOf(registry: Deployment['registry'], secrets: Secrets): { username: string; password: string } {
  return { username: toS(resolveLookup(registry.username, secrets)), password: toS(resolveLookup(registry.password, secrets)) };
}

function isInsecure(server: string | null, insecure: readonly string[]): boolean {
  const name = (server ?? 'docker.io').replace(/\/.*$/, '');
  return insecure.includes(name) || /^(localhost|127\.)/.test(name);
}

/** `registry.example.com/basecamp/kamal-proxy:v0.9.2`; a first part without dot or colon belongs to the repository. */
function partsOf(image: string): { server: string | null; repository: string; tag: string } {
  const colon = image.lastIndexOf(':');
  const named = colon > image.lastIndexOf('/') ? image.slice(0, colon) : image;
  const tag = named === image ? 'latest' : image.slice(colon + 1);
  const [first = '', ...rest] = named.split('/');
  const server = rest.length > 0 && /[.:]|^localhost$/.test(first) && first !== 'docker.io' ? first : null;
  const repository = rest.length > 0 && (server !== null || first === 'docker.io') ? rest.join('/') : named;
  return { server, repository: repository.includes('/') || server !== null ? repository : `library/${repository}`, tag };
}
