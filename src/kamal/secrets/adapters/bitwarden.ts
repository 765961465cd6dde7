import { AdapterError, field, grouped, parseOutput, prefixed, textOf, type Adapter, type VaultCli } from './adapter.ts';

/** Bitwarden's password manager, by its tool `bw`. */
export const bitwarden: Adapter = {
  program: 'bw',
  title: 'Bitwarden',
  requiresAccount: true,
  async fetch(secrets, { account = '', from }, cli) {
    const session = await unlock(account, cli);
    const found = new Map<string, string>();
    const wanted = prefixed(secrets, from).map((secret) => secret.split('/'));
    for (const [item, parts] of grouped(wanted, ([name = '']) => name)) {
      const fields = parts.map(([, name]) => name);
      for (const [name, value] of await valuesOf(item, fields, session, cli)) found.set(name, value);
    }
    return found;
  },
};

/** Logs in and unlocks as far as needed; the session's key, empty when the vault is unlocked already. */
async function unlock(account: string, cli: VaultCli): Promise<Record<string, string>> {
  let status = await statusOf({}, cli);
  if (status === 'unauthenticated') {
    await cli.run(['login', account]);
    status = await statusOf({}, cli);
  }
  let session: Record<string, string> = {};
  if (status === 'locked') {
    const key = (await cli.run(['unlock', '--raw'])).stdout.trim();
    session = key === '' ? {} : { BW_SESSION: key };
    status = await statusOf(session, cli);
  }
  if (status !== 'unlocked') throw new AdapterError('Failed to login to and unlock Bitwarden');
  if ((await cli.run(['sync'], session)).code !== 0) throw new AdapterError('Failed to sync Bitwarden');
  return session;
}

async function statusOf(session: Record<string, string>, cli: VaultCli): Promise<string> {
  return textOf(field(parseOutput((await cli.run(['status'], session)).stdout, 'bw status'), 'status'));
}

/** The named fields of an item; without names its password, else all of its own fields. */
async function valuesOf(item: string, fields: readonly (string | undefined)[], session: Record<string, string>, cli: VaultCli): Promise<Map<string, string>> {
  const { code, stdout } = await cli.run(['get', 'item', item], session);
  if (code !== 0) throw new AdapterError(`Could not read ${item} from Bitwarden`);
  const parsed = parseOutput(stdout, 'bw get item');
  const named = fields.filter((name): name is string => name !== undefined);
  const own = field(parsed, 'fields');
  const all = Array.isArray(own) ? own : [];
  if (named.length > 0) return fieldsOf(named, item, all);
  const password = field(field(parsed, 'login'), 'password');
  if (password) return new Map([[item, textOf(password)]]);
  if (all.length === 0) throw new AdapterError(`Item ${item} is not a login type item and no fields were specified`);
  return fieldsOf(all.map((each) => textOf(field(each, 'name'))), item, all);
}

function fieldsOf(names: readonly string[], item: string, all: readonly unknown[]): Map<string, string> {
  return new Map(
    names.map((name) => {
      const found = all.find((each) => field(each, 'name') === name);
      if (found === undefined) throw new AdapterError(`Could not find field ${name} in item ${item} in Bitwarden`);
      return [`${item}/${name}`, textOf(field(found, 'value'))];
    }),
  );
}
