import type { Context } from './issues.ts';

export interface RoleHosts {
  readonly roles: readonly { readonly name: string; readonly hosts: readonly string[] }[];
  /** Name of the primary role. */
  readonly primary: string;
  /** `allow_empty_roles` */
  readonly allowEmpty: boolean;
}

/** The primary role is there, and each role has hosts (`Configuration#ensure_required_keys_present`). */
export function checkRoleHosts(context: Context, { roles, primary, allowEmpty }: RoleHosts): void {
  const primaryRole = roles.find(({ name }) => name === primary);
  if (!primaryRole) {
    context.add({ key: 'servers', message: `The primary_role ${primary} isn't defined`, found: `the roles ${roles.map(({ name }) => name).join(', ') || '(none)'}`, expected: `a role ${primary}`, hint: 'name the role that serves the web with primary_role:' });
    return;
  }
  const hint = 'add hosts to it';
  if (primaryRole.hosts.length === 0) context.add({ key: `servers/${primary}`, message: `No servers specified for the ${primary} primary_role`, found: 'no hosts', expected: 'at least one', hint });
  if (allowEmpty) return;
  for (const role of roles) {
    if (role.hosts.length > 0 || role === primaryRole) continue;
    context.add({ key: `servers/${role.name}`, message: `No servers specified for the ${role.name} role. You can ignore this with allow_empty_roles: true`, found: 'no hosts', expected: 'at least one', hint });
  }
}
