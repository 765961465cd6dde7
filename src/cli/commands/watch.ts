import { WorkflowNotFoundError } from '@temporalio/client';
import type { Command } from 'commander';
import { runUrl } from '../../temporal/connection.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { exitOf } from '../exit-of.ts';
import { follow } from '../follow.ts';
import { untilInterrupted } from '../interrupt.ts';
import { openProject, projectOptions, type ProjectOptions } from '../project.ts';
import { renderResult } from '../render/result.ts';
import { openSession, reviveWorker } from '../session.ts';
import { bold, cyan, dim, Output } from '../terminal.ts';

/** `bactrian watch` */
export function watchCommand(program: Command): void {
  projectOptions(program.command('watch').description('follow the run in progress, or show how the last one ended'))
    .option('--json', 'the result as JSON on stdout, everything else on stderr')
    .addHelpText('after', '\nStarts the worker again where it has died. Ctrl-C stops watching, not the run.')
    .action(async (options: ProjectOptions & { json?: boolean }) => {
      process.exitCode = await watch(options);
    });
}

async function watch(options: ProjectOptions & { json?: boolean }): Promise<number> {
  const out = new Output(options);
  const project = await openProject(options);
  const session = await openSession(project, { withWorker: true });
  try {
    const url = runUrl(session, { workflowId: project.workflowId });
    if (url) out.tell(dim(url));
    const result = await untilInterrupted((signal) => follow(session, { workflowId: project.workflowId, say: (line) => out.tell(line), revive: () => reviveWorker(project, session), signal }));
    if (result === null) {
      out.say(`\nStopped watching; the run ${bold('goes on')}. Watch it again with ${cyan('bactrian watch')}.`);
      return EXIT.detached;
    }
    out.say(renderResult(result));
    out.result(result);
    return exitOf(result);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw noRun(project.deployment.name);
    throw error;
  } finally {
    await session.connection.close();
  }
}

/** There is nothing to look at. */
export function noRun(name: string): CommandError {
  return new CommandError(EXIT.usage, `Temporal knows no run of ${name}`, 'start one with `bactrian upgrade`');
}
