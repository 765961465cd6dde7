import * as kamal from '../../../../src/kamal/index.ts';
import { kamal1, type Json } from '../../../../src/kamal/index.ts';
import { text } from '../facts.ts';
import { RUN_ID, type Kamal1Subject } from './facts.ts';

/** Facts of one selected host. */
export function hostFacts(subject: Kamal1Subject, host: string): Json {
  const { d } = subject;
  return {
    hostname_prefix: kamal.app.hostnamePrefix(host),
    traefik: d.traefikHosts.includes(host),
    roles: Object.fromEntries(d.rolesOn(host).map((role) => [role.name, roleFacts(subject, host, role)])),
    accessories: d.accessoriesOn(host).map(({ name }) => name),
  };
}

function roleFacts({ d, secrets, version }: Kamal1Subject, host: string, role: kamal1.Kamal1Role): Json {
  const env = role.env(host);
  return {
    env_tags: [...(role.tags.get(host) ?? [])],
    env_clear: kamal.jsonScalar(env.clear),
    env_secret_keys: [...env.secretKeys],
    env_file: role.envFilePath,
    env_directory: text(kamal1.app.ensureEnvDirectory(role)),
    env_content: role.envFileContent(host, secrets),
    run: text(kamal1.app.run(d, { role, host, version, runId: RUN_ID, hostname: 'HOSTNAME' })),
    exec_new: text(kamal1.app.execInNew(d, { role, host, version, command: ['CMD'] })),
  };
}
