import * as kamal from '../../../src/kamal/index.ts';
import type { Json, Role } from '../../../src/kamal/index.ts';
import { text, type Subject } from './facts.ts';

/** Facts of one selected host. */
export function hostFacts(subject: Subject, host: string): Json {
  const { d } = subject;
  return {
    hostname_prefix: kamal.app.hostnamePrefix(host),
    ...(d.proxyHosts.includes(host) ? { proxy: proxyFacts(subject, host) } : {}),
    roles: Object.fromEntries(d.rolesOn(host).map((role) => [role.name, roleFacts(subject, host, role)])),
    accessories: Object.fromEntries(d.accessoriesOn(host).map((accessory) => [accessory.name, { run: text(kamal.accessory.run(d, accessory, host)) }])),
  };
}

function proxyFacts({ d }: Subject, host: string): Json {
  const run = d.proxyRun(host);
  const raw = run ? kamal.jsonScalar(run.raw) : null;
  const sameAs = d.proxyHosts.find((other) => JSON.stringify(d.proxyRun(other) && kamal.jsonScalar(d.proxyRun(other)?.raw ?? null)) === JSON.stringify(raw));
  return { run: text(kamal.proxy.run(d, host)), ...(sameAs === host ? { start_or_run: text(kamal.proxy.startOrRun(d, host)) } : {}), run_config: raw };
}

function roleFacts({ d, secrets, version }: Subject, host: string, role: Role): Json {
  const env = role.env(host);
  const first = role.hosts.find((other) => d.hosts.includes(other)) === host;
  return {
    env_tags: knownTags(d.raw, role.tags.get(host) ?? []),
    env_clear: kamal.jsonScalar(env.clear),
    env_secret_keys: [...env.secretKeys],
    env_content: role.envFileContent(host, secrets),
    run: text(kamal.app.run(d, { role, host, version, hostname: 'HOSTNAME' })),
    ...(first
      ? {
          exec_new: text(kamal.app.execInNew(d, { role, host, version, random: 'RANDOM3', command: ['CMD'] })),
          run_latest: text(kamal.app.run(d, { role, host, version: d.latestTag, hostname: 'HOSTNAME' })),
        }
      : {}),
  };
}

function knownTags(raw: Subject['d']['raw'], tags: readonly string[]): string[] {
  const env = raw.get('env');
  const known = env instanceof Map ? env.get('tags') : null;
  return tags.filter((tag) => known instanceof Map && known.has(tag));
}
