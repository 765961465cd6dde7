import { setTimeout as sleep } from 'node:timers/promises';
import { cancellationSignal } from '@temporalio/activity';
import type { Deployment, Role } from '../src/kamal/index.ts';
import { roleFilters } from '../src/plan/running.ts';
import { SshError } from '../src/ssh/error.ts';
import { FailureType, type StepNotes, type VerifyArgs } from './api.ts';
import { fenceOf, rendering, type Context } from './context.ts';
import { failure, sshFailure } from './failures.ts';
import { askOverSsh } from './http-check.ts';
import { runStep, whileHeartbeating } from './remote-step.ts';
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
  const published = deployment.effectiveProxyRun(args.host).ports.find((each) => each.containerPort === 80);
  if (!published || !role.proxy) return [];
  const { ip, hostPort: port } = published;
  const prefix = (role.proxy.pathPrefixes[0] ?? '').replace(/\/$/, '');
  const path = `${prefix}${role.proxy.healthcheckPath ?? '/up'}`;
  const name = role.proxy.hosts[0] ?? args.host;
  const answer = await whileHeartbeating(() => askPatiently(async () => askOverSsh(await context.connection(args.digest, args.host, cancellationSignal()), { address: ip ?? '127.0.0.1', port }, path, name)));
  if ('nothing' in answer) throw failure(FailureType.verifyFailed, `http://${name}:${port}${path} gives no answer: ${answer.nothing}`);
  const { status } = answer;
  if (status === null) return [`port ${port} was not asked: the host's sshd forwards nothing`];
  // What the app says about a path below a prefix is its own business; 404 without one is kamal-proxy's 'no such service'.
  if (status >= 500 || (status === 404 && prefix === '')) throw failure(FailureType.verifyFailed, `http://${name}:${port}${path} answers ${status}`);
  return [`http://${name}:${port}${path} answers ${status}`];
}

const TRIES = 5;
const BETWEEN_MS = 1000;

/** A connection that is lost is tried again by the step; a port that says nothing is asked a few times and no more. */
async function askPatiently(ask: () => Promise<number | null>): Promise<{ status: number | null } | { nothing: string }> {
  for (let tries = 1; ; tries += 1) {
    try {
      return { status: await ask() };
    } catch (error) {
      if (error instanceof SshError && error.kind !== 'refused') throw sshFailure(error);
      if (tries === TRIES) return { nothing: error instanceof Error ? error.message : String(error) };
      await sleep(BETWEEN_MS);
    }
  }
}
