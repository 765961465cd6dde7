import { cancellationSignal } from '@temporalio/activity';
import type { Deployment, Role } from '../src/kamal/index.ts';
import { roleFilters } from '../src/plan/running.ts';
import { FailureType, type StepNotes, type VerifyArgs } from './api.ts';
import { fenceOf, rendering, type Context } from './context.ts';
import { failure } from './failures.ts';
import { askOverSsh } from './http-check.ts';
import { runStep, sshErrors, whileHeartbeating } from './remote-step.ts';
import { roleOf } from './roles.ts';
import { verifyScript } from './script/verify.ts';

/** Looks at the result from inside the host and from where its clients stand. */
export function verifyActivities(context: Context) {
  return {
    async verifyHost(args: VerifyArgs): Promise<StepNotes> {
      const { deployment } = await rendering(context, args);
      const roles = args.roles.map((order) => ({ order, role: roleOf(deployment, order.name) }));
      const body = verifyScript({
        network: 'kamal',
        proxied: roles.some(({ order }) => order.proxied),
        pruned: args.pruned,
        roles: roles.map(({ order, role }) => ({
          name: role.name,
          container: role.containerName(order.version),
          envFile: role.envFilePath,
          proxyService: order.proxied ? role.containerPrefix : null,
          filters: roleFilters(deployment, role),
        })),
      });
      const notes = await runStep(context, args, { name: 'verify', body, journal: 'app', fence: fenceOf(deployment) });
      const asked: string[] = [];
      for (const { order, role } of roles) if (order.proxied) asked.push(...(await ask(context, args, deployment, role)));
      return { notes: [...notes.notes, ...asked], unchanged: notes.unchanged };
    },
  };
}

/** One request a role, through the published port, for the path that tells its health. */
async function ask(context: Context, args: VerifyArgs, deployment: Deployment, role: Role): Promise<string[]> {
  const port = deployment.effectiveProxyRun(args.host).ports.find((each) => each.containerPort === 80)?.hostPort;
  if (port === undefined || !role.proxy) return [];
  const path = role.proxy.pathPrefixes[0] ?? role.proxy.healthcheckPath ?? '/up';
  const name = role.proxy.hosts[0] ?? args.host;
  const status = await whileHeartbeating(() => sshErrors(async () => askOverSsh(await context.connection(args.digest, args.host, cancellationSignal()), port, path, name)));
  if (status === null) return [`port ${port} was not asked: the host's sshd forwards nothing`];
  if (status >= 400) throw failure(FailureType.verifyFailed, `http://${name}:${port}${path} answers ${status}`);
  return [`http://${name}:${port}${path} answers ${status}`];
}
