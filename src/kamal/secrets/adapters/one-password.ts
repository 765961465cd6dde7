import { AdapterError, field, grouped, parseOutput, prefixed, textOf, type Adapter, type FetchOptions, type VaultCli } from './adapter.ts';

interface Reference {
  readonly vault: string;
  readonly item: string;
  /** Section and field, joined by dots. */
  readonly field: string;
}

/** 1Password, by its tool `op`. */
export const onePassword: Adapter = {
  program: 'op',
  title: '1Password',
  requiresAccount: true,
  async fetch(secrets, options, cli) {
    const session = await login(options, cli);
    return secrets.length === 0 ? fetchAll(options, session, cli) : fetchSome(secrets, options, session, cli);
  },
};

/** A session token, empty when the tool is signed in already. */
async function login({ account = '' }: FetchOptions, cli: VaultCli): Promise<string> {
  if ((await cli.run(['account', 'get', '--account', account])).code === 0) return '';
  const { code, stdout } = await cli.run(['signin', '--account', account, '--force', '--raw']);
  if (code !== 0) throw new AdapterError('Failed to login to 1Password');
  return stdout.trim();
}

async function fetchSome(secrets: readonly string[], options: FetchOptions, session: string, cli: VaultCli): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const references = prefixed(secrets, options.from).map(referenceOf);
  for (const [, each] of grouped(references, ({ vault, item }) => `${vault}/${item}`)) {
    const [first] = each;
    if (!first) continue;
    const fields = each.map((reference) => reference.field);
    const parsed = await itemOf(first, fields, options, session, cli);
    for (const [name, value] of valuesOf(fields.length === 1 ? [parsed] : parsed)) found.set(name, value);
  }
  return found;
}

/** All fields of the item that `from` names. */
async function fetchAll(options: FetchOptions, session: string, cli: VaultCli): Promise<Map<string, string>> {
  const [vault = '', item = ''] = (options.from ?? '').replace(/^op:\/\//, '').split('/');
  if (item === '') throw new AdapterError('1Password needs secrets, or --from with a vault and an item');
  const parsed = await itemOf({ vault, item, field: '' }, [], options, session, cli);
  return valuesOf(field(parsed, 'fields'));
}

/** `[op://]vault/item[/section]/field`; the field is `password` unless named. */
function referenceOf(secret: string): Reference {
  const [vault = '', item = '', ...fields] = secret.replace(/^op:\/\//, '').split('/');
  return { vault, item, field: fields.length === 0 ? 'password' : fields.join('.') };
}

async function itemOf({ vault, item }: Reference, fields: readonly string[], { account = '' }: FetchOptions, session: string, cli: VaultCli): Promise<unknown> {
  const args = ['item', 'get', item, '--vault', vault, '--format', 'json', '--account', account];
  if (session !== '') args.push('--session', session);
  if (fields.length > 0) args.push('--fields', fields.map((each) => `label=${each}`).join(','));
  const { code, stdout } = await cli.run(args);
  if (code !== 0) throw new AdapterError(`Could not read ${fields.length > 0 ? `${fields.join(', ')} ` : ''}from ${item} in the ${vault} 1Password vault`);
  return parseOutput(stdout, 'op item get');
}

/** Fields by their reference, without `op://` and a final `/password`. */
function valuesOf(fields: unknown): Map<string, string> {
  const named = (Array.isArray(fields) ? fields : []).map((each: unknown) => [textOf(field(each, 'reference')), textOf(field(each, 'value'))] as const);
  return new Map(named.map(([reference, value]) => [reference.replace(/^op:\/\//, '').replace(/\/password$/, ''), value]));
}
