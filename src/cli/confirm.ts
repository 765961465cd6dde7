import { confirm } from '@inquirer/prompts';
import { CommandError, EXIT } from './exit-codes.ts';

/**
 * Asks a person. Without a terminal there is nobody to ask.
 * @throws CommandError when the answer is no, or nobody can answer
 */
export async function askFor(question: string, flag: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new CommandError(EXIT.refused, `${question} There is no terminal to ask on; nothing was changed on any host.`, `say yes beforehand with ${flag}`);
  }
  const yes = await confirm({ message: question, default: false }).catch(() => false);
  if (!yes) throw new CommandError(EXIT.refused, 'Not started. Nothing was changed on any host.');
}
