import type { Command } from 'commander';
import { lockPaths } from '../../../activities/probe.ts';
import { forgetLocksOf, runOfLock } from '../../../activities/script/lock.ts';
import { q } from '../../../activities/script/words.ts';
import { sshSettings } from '../../../activities/ssh-settings.ts';
import { lookAt } from '../../../activities/probe.ts';
import { heldInWords, releaseInWords } from '../../plan/lock-words.ts';
import { primaryHostOf } from '../../plan/workflow-id.ts';
import { SshPool } from '../../ssh/pool.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { openRunOf } from '../locks.ts';
import { openProject, openSecrets, projectOptions, type ProjectOptions } from '../project.ts';
import { openSession } from '../session.ts';
import { Output } from '../terminal.ts';

/** `bactrian unlock` */
export function unlockCommand(program: Command): void {
  projectOptions(program.command('unlock').description('release a deploy lock that a run of bactrian left behind; never somebody else\'s'))
    .action(async (options: ProjectOptions) => {
      await unlock(options);
    });
}

async function unlock(options: ProjectOptions): Promise<void> {
  const out = new Output();
  const project = await openProject(options);
  const { deployment } = project;
  const secrets = await openSecrets(project);
  const pool = new SshPool(() => sshSettings(deployment, secrets, process.env));
  const session = await openSession(project, { withWorker: false });
  try {
    const connection = await pool.get(primaryHostOf(deployment));
    const { locks } = await lookAt(connection, deployment);
    if (locks.length === 0) return out.say(`No deploy lock on ${connection.host}: ${lockPaths(deployment).join(', ')}`);
    const open = await openRunOf(session, project.workflowId);
    for (const lock of locks) {
      const run = runOfLock(lock);
      if (run === null) throw new CommandError(EXIT.refused, `it is none of ours: ${heldInWords(lock)}`, releaseInWords(lock));
      if (run === open) throw new CommandError(EXIT.refused, `${lock.path} belongs to run ${run}, which is open`, 'follow it with `bactrian watch`, or end it with `bactrian abort`');
      const removed = await connection.exec(`rm -f ${q(`${lock.path}/details`)} ${q(`${lock.path}/details.new`)} && rmdir ${q(lock.path)} && { ${forgetLocksOf(run)}; }`);
      if (removed.code !== 0) throw new CommandError(EXIT.failed, `${lock.path} on ${connection.host} can't be removed: ${removed.stderr.trim()}`);
      out.say(`Released ${lock.path} on ${connection.host}, which run ${run} had left.`);
    }
  } finally {
    pool.closeAll();
    await session.connection.close();
  }
}
