import { cancellationSignal } from '@temporalio/activity';
import { proxyServices } from '../src/plan/proxy-services.ts';
import { roleFilters } from '../src/plan/running.ts';
import { publicParts } from './answers.ts';
import type { StepNotes, VerifyArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { fenceOf, rendering, type Context } from './context.ts';
import { failure } from './failures.ts';
import { lookAtContainers } from './probe.ts';
import { runStep, sshErrors, whileHeartbeating } from './remote-step.ts';
import { roleOf } from './roles.ts';
import { LET_THROUGH_OF_OTHER_RUNS } from './script/hold.ts';
import { verifyScript } from './script/verify.ts';
import { verifyAnswers } from './verify-answers.ts';

/** Looks at the result from inside the host and from where its clients stand. */
export function verifyActivities(context: Context) {
  return {
    async verifyHost(args: VerifyArgs): Promise<StepNotes> {
      const { deployment } = await rendering(context, args);
      const roles = args.roles.map((order) => ({ order, role: roleOf(deployment, order.name) }));
      const proxied = roles.some(({ order }) => order.proxied);
      const body = verifyScript({
        network: 'kamal',
        proxied,
        pruned: args.pruned,
        roles: roles.map(({ order, role }) => ({
          name: role.name,
          container: role.containerName(order.version),
          envFile: role.envFilePath,
          proxyService: order.proxied ? role.containerPrefix : null,
          filters: roleFilters(deployment, role),
        })),
      });
      const looked = await runStep(context, args, { name: 'verify', body: `${LET_THROUGH_OF_OTHER_RUNS}\n${body}`, journal: 'app', fence: fenceOf(deployment) });
      if (!proxied) return looked;
      context.store.showPublic([...publicParts(args.known), ...proxyServices(deployment, args.host).flatMap(({ hosts }) => hosts)]);
      const asked = await whileHeartbeating(() =>
        sshErrors(async () => {
          const connection = await context.connection(args.digest, args.host, cancellationSignal());
          return await verifyAnswers(connection, deployment, await lookAtContainers(connection, cancellationSignal()), args.known);
        }),
      );
      if (asked.wrong.length > 0) throw failure(FailureType.verifyFailed, asked.wrong.join('; '));
      return { notes: [...looked.notes, ...asked.notes], unchanged: looked.unchanged };
    },
  };
}
