import { cancellationSignal } from '@temporalio/activity';
import { proxyServices } from '../src/plan/proxy-services.ts';
import { readFacts } from '../src/plan/read-facts.ts';
import { roleFilters } from '../src/plan/running.ts';
import { publicParts } from './answers.ts';
import type { StepNotes, VerifyArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { fenceOf, rendering, type Context } from './context.ts';
import { failure } from './failures.ts';
import { askStep, sshErrors, whileHeartbeating } from './remote-step.ts';
import { roleOf } from './roles.ts';
import { LET_THROUGH_OF_OTHER_RUNS } from './script/hold.ts';
import { TELL_PROXY, verifyScript } from './script/verify.ts';
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
      const whole = [LET_THROUGH_OF_OTHER_RUNS, body, ...(proxied ? [TELL_PROXY] : [])].join('\n');
      const { told, ...looked } = await askStep(context, args, { name: 'verify', body: whole, journal: 'app', fence: fenceOf(deployment) });
      if (!proxied) return looked;
      context.store.showPublic([...publicParts(args.known), ...proxyServices(deployment, args.host).flatMap(({ hosts }) => hosts)]);
      const facts = readFacts(args.host, told.join('\n'));
      const asked = await whileHeartbeating(() =>
        sshErrors(async () => {
          const connection = await context.connection(args.digest, args.host, cancellationSignal());
          return await verifyAnswers(connection, deployment, facts, args.known);
        }),
      );
      if (asked.wrong.length > 0) throw failure(FailureType.verifyFailed, asked.wrong.join('; '));
      return { notes: [...looked.notes, ...asked.notes], unchanged: looked.unchanged };
    },
  };
}
