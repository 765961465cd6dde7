import type { Command } from 'commander';
import { down } from '../../temporal/down.ts';
import { runServerForeground } from '../../temporal/server.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { untilInterrupted } from '../interrupt.ts';
import { cyan, Output } from '../terminal.ts';

/** `bactrian server` and `bactrian down` */
export function serverCommands(program: Command): void {
  program
    .command('server')
    .description('run the embedded Temporal server in the foreground, with its UI')
    .action(async () => {
      const out = new Output();
      await untilInterrupted((signal) =>
        runServerForeground({ signal, onReady: (server) => out.say(`Temporal at ${server.address}, its UI at ${cyan(server.uiUrl)}. Ctrl-C stops it.`) }),
      );
    });

  program
    .command('down')
    .description('stop the embedded Temporal server and all background workers')
    .option('--force', 'also with runs open: they stand still until a server is started again')
    .action(async (options: { force?: boolean }) => {
      const out = new Output();
      const result = await down({ force: options.force });
      if (result.outcome === 'refused') {
        throw new CommandError(EXIT.refused, `runs are open: ${result.openRuns.join(', ')}. Nothing was stopped.`, 'let them end, or stop with --force: they go on when the server is started again');
      }
      out.say(result.server === 'stopped' ? 'The server and its workers are stopped. Runs and their history are kept.' : 'The server was not running.');
    });
}
