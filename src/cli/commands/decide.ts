import { Argument, type Command } from 'commander';
import type { Decision, Gate } from '../../../workflows/types.ts';
import { openRunOf } from '../locks.ts';
import { openProject, projectOptions, type ProjectOptions } from '../project.ts';
import { noOpenRun, sayToRun, speaker } from '../say-to-run.ts';
import { openSession } from '../session.ts';
import { Output } from '../terminal.ts';

type WhyOptions = ProjectOptions & { why?: string };

/** `bactrian approve`, `reject`, `resume`, `abort`: what a person says to the run in progress. */
export function decideCommands(program: Command): void {
  gateCommand(program, 'approve', 'approve the gate at which the run waits', 'approveGate');
  gateCommand(program, 'reject', 'reject the gate at which the run waits: what was begun there is put back', 'rejectGate');

  projectOptions(program.command('resume').description('answer a run that needs you, and give its worker this shell\'s environment'))
    .option('--retry', 'try the step again (what resume does when nothing else is said)')
    .option('--skip', 'go on without it (a hook that has run already)')
    .option('--abort', 'end the run; what was begun is put back')
    .option('--why <text>', 'kept in the run\'s record')
    .action(async (options: WhyOptions & { skip?: boolean; abort?: boolean }) => {
      const decision: Decision = options.skip ? 'skip' : options.abort ? 'abort' : 'retry';
      await say(options, 'resumeRun', 'resume', { decision });
    });

  projectOptions(program.command('abort').description('cancel the run in progress: hosts that are not finished are put back as they were'))
    .action(async (options: ProjectOptions) => {
      const out = new Output();
      const project = await openProject(options);
      const session = await openSession(project, { withWorker: true });
      try {
        // Asking for a closed run's cancellation is answered as if it were open.
        if ((await openRunOf(session, project.workflowId)) === null) throw noOpenRun(project.deployment.name);
        await session.client.workflow.getHandle(project.workflowId).cancel();
        out.say('Asked for. Hosts come to rest in a safe place first; `bactrian watch` shows it.');
      } finally {
        await session.connection.close();
      }
    });
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
