import { app, line, type Deployment, type Role } from '../src/kamal/index.ts';
import { roleFilters } from '../src/plan/running.ts';
import type { RoleArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import type { Rendering } from './context.ts';
import { failure } from './failures.ts';
import type { BootScript } from './script/app.ts';
import { fixedCertificateWords } from './script/certificates.ts';
import type { MovedService } from './script/move.ts';
import { inLoginShell } from './script/words.ts';

/** A role by name. @throws ApplicationFailure when the configuration has none */
export function roleOf(deployment: Deployment, name: string): Role {
  const role = deployment.roles.find((each) => each.name === name);
  if (!role) throw failure(FailureType.configurationMissing, `the configuration has no role ${name}`);
  return role;
}

/** What booting a role's running version takes. */
export function bootScript({ deployment, audit }: Rendering, role: Role, args: RoleArgs): BootScript {
  const { version } = args.role;
  const hostname = app.hostnameFor(args.host, args.hostnameSuffix);
  const replaced = `${version}_replaced_${args.replacedSuffix}`;
  return {
    name: role.containerName(version),
    replacedName: role.containerName(replaced),
    hostname,
    run: inLoginShell(line(app.run(deployment, { role, host: args.host, version, hostname }))),
    auditRename: audit(`Renaming container ${version} to ${replaced}`, role.name),
    auditBoot: audit(`Booted app version ${version}`, role.name),
  };
}

/** `kamal-proxy deploy` of a role, for after `docker exec CONTAINER`; its target is the shell variable `short`: the id is known on the host only. */
export function deployWords(deployment: Deployment, role: Role, version: string): string {
  return `${deployArgs(deployment, role, version).join(' ')} ${fixedCertificateWords(role.containerPrefix)}`;
}

/** The same under a name that nobody asks for (RFC 2606), for a kamal-proxy that serves: it judges the app's health, and sends it no request. */
export function provingWords(deployment: Deployment, role: Role, version: string): string {
  const words = deployArgs(deployment, role, version).filter((word) => !word.startsWith('--host='));
  return `${words.join(' ')} --host=${role.containerPrefix}.invalid ${fixedCertificateWords(role.containerPrefix)}`;
}

function deployArgs(deployment: Deployment, role: Role, version: string): string[] {
  return app.deploy(deployment, { role, target: '${short}', version }).slice(3);
}

/** A role that kamal-proxy takes past the Traefik behind it. */
export function movedService(deployment: Deployment, role: Role, version: string): MovedService {
  return { container: role.containerName(version), service: role.containerPrefix, deploy: deployWords(deployment, role, version), hosts: role.proxy?.hosts ?? [] };
}

/** How a role's old containers are found and stopped. */
export function stopping(deployment: Deployment, role: Role, version: string): { name: string; filters: string[]; stopArgs: string } {
  return { name: role.containerName(version), filters: roleFilters(deployment, role), stopArgs: line(role.stopArgs) };
}
