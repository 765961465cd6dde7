import { app, line, type Deployment, type Role } from '../src/kamal/index.ts';
import { roleFilters } from '../src/plan/running.ts';
import type { RoleArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import type { Rendering } from './context.ts';
import { failure } from './failures.ts';
import type { BootScript } from './script/app.ts';
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

/** How a role's old containers are found and stopped. */
export function stopping(deployment: Deployment, role: Role, version: string): { name: string; filters: string[]; stopArgs: string } {
  return { name: role.containerName(version), filters: roleFilters(deployment, role), stopArgs: line(role.stopArgs) };
}
