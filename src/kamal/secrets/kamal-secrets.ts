import { AdapterError, field, textOf, type VaultCli } from './adapters/adapter.ts';
import { adapterOf } from './adapters/lookup.ts';
import { CommandError, execute, type CommandContext } from './execute.ts';
import { shellEscape, shellSplit } from './shellwords.ts';

/** Whether a command of a secrets file is one that Kamal runs within itself. */
export function isKamalSecrets(command: string): boolean {
  return /^\s*kamal\s*secrets\s+/.test(command);
}

/**
 * `kamal secrets fetch` and `kamal secrets extract` in a secrets file (Kamal 2.12: `InlineCommandSubstitution`). Fetch
 * is left to an installed `kamal`; without one our own adapters do it. Its JSON is escaped for the shell, as the
 * `extract` of a later line splits it like a shell would.
 * @throws CommandError
 */
export async function runKamalSecrets(command: string, context: CommandContext): Promise<string> {
  const [, , subcommand, ...args] = wordsOf(command);
  if (subcommand === 'extract') return extract(args);
  if (subcommand === 'fetch') return shellEscape(await fetch(args, context));
  throw new CommandError('only kamal secrets fetch and extract can be used in a secrets file');
}

function wordsOf(command: string): string[] {
  try {
    return shellSplit(command);
  } catch {
    throw new CommandError('a quote has no end');
  }
}

/** One secret of a fetch, by its name or by the last part of it. */
function extract(args: readonly string[]): string {
  const [name = '', json = ''] = args.filter((arg) => !arg.startsWith('--inline'));
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new CommandError('kamal secrets extract was given no JSON; what it gets is the result of kamal secrets fetch');
  }
  const exact = field(parsed, name);
  const value = exact ?? Object.entries((parsed ?? {}) as Record<string, unknown>).find(([key]) => key.endsWith(`/${name}`))?.[1];
  if (value === undefined || value === null) throw new CommandError(`Could not find secret ${name}`);
  return textOf(value).replace(/\r?\n$|\r$/, '');
}

async function fetch(args: readonly string[], context: CommandContext): Promise<string> {
  const fromKamal = await tryKamal(['secrets', 'fetch', ...args], context);
  if (fromKamal !== null) return fromKamal;
  const { secrets, adapter: name, account, from } = optionsOf(args);
  try {
    if (name === undefined) throw new AdapterError("No value provided for required options '--adapter'");
    const adapter = adapterOf(name);
    if (adapter.requiresAccount && (account ?? '').trim() === '') throw new AdapterError("Missing required option '--account'");
    const cli: VaultCli = { run: (own, env) => execute(adapter.program, own, { ...context, env: { ...context.env, ...env } }) };
    if (!(await installed(cli))) throw new AdapterError(`${adapter.title} CLI is not installed: neither ${adapter.program} nor kamal can be run`);
    return JSON.stringify(Object.fromEntries(await adapter.fetch(secrets, { account, from }, cli)));
  } catch (error) {
    if (error instanceof AdapterError) throw new CommandError(error.message);
    throw error;
  }
}

async function installed(cli: VaultCli): Promise<boolean> {
  try {
    return (await cli.run(['--version'])).code === 0;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/** What an installed `kamal` gives; null when there is none. */
async function tryKamal(args: readonly string[], context: CommandContext): Promise<string | null> {
  let result: { code: number; stdout: string };
  try {
    result = await execute('kamal', args, context);
  } catch (error) {
    if (error instanceof CommandError) return null;
    throw error;
  }
  if (result.code === 127) return null;
  if (result.code !== 0 || !result.stdout.trimStart().startsWith('{')) throw new CommandError(`kamal secrets fetch failed with exit code ${result.code}`);
  return result.stdout.trim();
}

interface FetchArguments {
  readonly secrets: string[];
  readonly adapter?: string;
  readonly account?: string;
  readonly from?: string;
}

/** Options as Kamal takes them: `--adapter X`, `--adapter=X`, `-a X`. */
function optionsOf(args: readonly string[]): FetchArguments {
  const options: Record<string, string> = {};
  const secrets: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    const match = /^(?:--(adapter|account|from)|-(a))(?:=(.*))?$/s.exec(arg);
    if (!match) {
      secrets.push(arg);
      continue;
    }
    options[match[1] ?? 'adapter'] = match[3] ?? args[++index] ?? '';
  }
  return { secrets, adapter: options.adapter, account: options.account, from: options.from };
}
