import { Argument, type Command } from 'commander';
import type { DecisionMessage } from '../../../workflows/messages.ts';
import type { Decision, Gate, HostPhase } from '../../../workflows/types.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { openRunOf } from '../locks.ts';
import { openProject, projectOptions, type ProjectOptions } from '../project.ts';
import { noOpenRun, sayToRun, speaker } from '../say-to-run.ts';
import { lookAtRun } from '../run-view.ts';
import { openSession } from '../session.ts';
import { Output, yellow } from '../terminal.ts';

type WhyOptions = ProjectOptions & { why?: string };

interface ResumeOptions extends WhyOptions {
  retry?: boolean;
  skip?: boolean;
  goOn?: boolean;
  abort?: boolean;
  putBackAll?: boolean;
}

/** Hosts in these phases let go of their old path, or did so before. */
const PAST_RETURN: readonly HostPhase[] = ['finishing', 'done'];

/** `bactrian approve`, `reject`, `resume`, `abort`: what a person says to the run in progress. */
export function decideCommands(program: Command): void {
  gateCommand(program, 'approve', 'approve the gate at which the run waits', 'approveGate');
  gateCommand(program, 'reject', 'reject the gate at which the run waits: what was begun there is put back', 'rejectGate');

  projectOptions(program.command('resume').description('answer a run that needs you, and give its worker this shell\'s environment'))
    .option('--retry', 'try it again: the step, or the host')
    .option('--skip', 'go on without it: a hook that has run already, or a host that failed')
    .option('--go-on', 'let the other hosts follow the canary')
    .option('--abort', 'end the run; what was begun is put back, hosts that are verified are finished')
    .option('--put-back-all', 'with --abort: put back each host that is not pruned yet, verified ones too')
    .option('--why <text>', 'kept in the run\'s record')
    .addHelpText('after', '\nWithout any of them it is the first answer that the run offers: to try again, or to go on.')
    .action(async (options: ResumeOptions) => {
      await say(options, 'resumeRun', 'resume', answerOf(options));
    });

  projectOptions(program.command('abort').description('cancel the run in progress: hosts that are not finished are put back as they were'))
    .option('--put-back-all', 'also when the run is ending already: put back whatever is not pruned yet, and say what can not be')
    .action(async (options: ProjectOptions & { putBackAll?: boolean }) => {
      const out = new Output();
      const project = await openProject(options);
      const session = await openSession(project, { withWorker: true });
      try {
        // Asking for a closed run's cancellation is answered as if it were open.
        if ((await openRunOf(session, project.workflowId)) === null) throw noOpenRun(project.deployment.name);
        const handle = session.client.workflow.getHandle(project.workflowId);
        if (options.putBackAll) {
          // First, so that it is known when the hosts are asked to come to their end.
          await handle.signal('putBackAll', { by: speaker() });
          const gone = (await lookAtRun(session, project.workflowId))?.record.hosts.filter(({ phase }) => PAST_RETURN.includes(phase)) ?? [];
          if (gone.length > 0) out.say(`${yellow('!')} past the point of no return, and staying on the new generation: ${gone.map(({ host }) => host).join(', ')}`);
        }
        await handle.cancel();
        out.say('Asked for. Hosts come to rest in a safe place first; `bactrian watch` shows it.');
      } finally {
        await session.connection.close();
      }
    });
}

/** What is said to the run; nothing by name leaves it to what the run offers first. */
function answerOf({ retry, skip, goOn, abort, putBackAll }: ResumeOptions): DecisionMessage {
  const decisions: Decision[] = [...(retry ? (['retry'] as const) : []), ...(skip ? (['skip'] as const) : []), ...(goOn ? (['go-on'] as const) : []), ...(abort ? (['abort'] as const) : [])];
  if (decisions.length > 1) throw new CommandError(EXIT.usage, `--${decisions.join(' and --')} can't both be meant`, 'say one of them');
  if (putBackAll && !abort) throw new CommandError(EXIT.usage, '--put-back-all goes with --abort', 'to cancel a run that asks nothing: bactrian abort --put-back-all');
  return { ...(decisions[0] && { decision: decisions[0] }), ...(putBackAll && { putBackAll }) };
}

function gateCommand(program: Command, name: 'approve' | 'reject', description: string, update: string): void {
  projectOptions(program.command(name).description(description))
    .addArgument(new Argument('[gate]', 'the gate meant; the one that waits when left out').choices(['pre', 'post']))
    .option('--why <text>', 'kept in the run\'s record')
    .action(async (gate: Gate | undefined, options: WhyOptions) => {
      await say(options, update, name, gate ? { gate } : {});
    });
}

async function say(options: WhyOptions, update: string, signal: string, message: object): Promise<void> {
  const out = new Output();
  const project = await openProject(options);
  const session = await openSession(project, { withWorker: true });
  try {
    out.say(await sayToRun(session, project, update, signal, { ...message, by: speaker(), ...(options.why && { why: options.why }) }));
  } finally {
    await session.connection.close();
  }
}
