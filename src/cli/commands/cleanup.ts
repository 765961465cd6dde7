import type { Command } from 'commander';
import { fenceOf } from '../../../activities/context.ts';
import { readAnswer } from '../../../activities/script/answer.ts';
import { cleanupScript } from '../../../activities/script/cleanup.ts';
import { sshSettings } from '../../../activities/ssh-settings.ts';
import { SshError } from '../../ssh/error.ts';
import { SshPool } from '../../ssh/pool.ts';
import { EXIT } from '../exit-codes.ts';
import { openRunOf } from '../locks.ts';
import { openProject, openSecrets, projectOptions, type ProjectOptions } from '../project.ts';
import { openSession } from '../session.ts';
import { bold, dim, green, Output, red } from '../terminal.ts';

interface CleanupOptions extends ProjectOptions {
  dryRun?: boolean;
}

/** `bactrian cleanup` */
export function cleanupCommand(program: Command): void {
  projectOptions(program.command('cleanup').description('take away what runs that are over have left on hosts: rules that steer requests, warm proxies, folders'))
    .option('-h, --hosts <hosts>', 'only these hosts, separated by commas, wildcards with *')
    .option('--dry-run', 'say what would be removed, and stop')
    .action(async (options: CleanupOptions) => {
      process.exitCode = await cleanup(options);
    });
}

/** Longer than the script waits for a step, and for connections of a warm proxy. */
const CLEANUP_MS = 120_000;

async function cleanup(options: CleanupOptions): Promise<number> {
  const out = new Output();
  const project = await openProject(options);
  const { deployment } = project;
  const secrets = await openSecrets(project);
  const session = await openSession(project, { withWorker: false });
  const pool = new SshPool(() => sshSettings(deployment, secrets, process.env));
  try {
    const open = await openRunOf(session, project.workflowId);
    const stdin = cleanupScript({ fence: fenceOf(deployment), deployment: deployment.name, open: open === null ? [] : [open], dryRun: options.dryRun === true });
    const done = await Promise.all(
      deployment.hosts.map(async (host) => {
        try {
          const result = await (await pool.get(host)).exec('sh -s', { stdin, timeoutMs: CLEANUP_MS });
          const { notes, fail } = readAnswer(result.stdout + result.stderr);
          const wrong = fail?.text ?? (result.code === 0 ? null : `the script ended with ${result.code}`);
          out.say([bold(host), ...notes.map((note) => `  ${note}`), ...(wrong === null ? [] : [`  ${red('✗')} ${wrong}`]), ...(notes.length === 0 && wrong === null ? [`  ${green('nothing is left here')}`] : [])].join('\n'));
          return wrong === null;
        } catch (error) {
          if (!(error instanceof SshError)) throw error;
          out.say(`${bold(host)}\n  ${red('✗')} ${error.message}\n  ${dim(error.hint)}`);
          return false;
        }
      }),
    );
    return done.every(Boolean) ? EXIT.ok : EXIT.failed;
  } finally {
    pool.closeAll();
    await session.connection.close();
  }
}
