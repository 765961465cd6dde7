import { AdapterError, type Adapter } from './adapter.ts';
import { bitwarden } from './bitwarden.ts';
import { onePassword } from './one-password.ts';

const ADAPTERS: Record<string, Adapter> = { '1password': onePassword, one_password: onePassword, bitwarden };
/** What Kamal has beside these; they need an installed `kamal`. */
const KAMALS_OWN = ['lastpass', 'last_pass', 'aws_secrets_manager', 'bitwarden-sm', 'bitwarden_secrets_manager', 'doppler', 'enpass', 'gcp', 'gcp_secret_manager', 'passbolt'];

/** The adapter of a name, as after `--adapter`. @throws AdapterError */
export function adapterOf(name: string): Adapter {
  const key = name.toLowerCase();
  const adapter = Object.hasOwn(ADAPTERS, key) ? ADAPTERS[key] : undefined;
  if (adapter) return adapter;
  if (KAMALS_OWN.includes(key)) throw new AdapterError(`the secrets adapter ${name} needs Kamal itself: install kamal on this machine (gem install kamal)`);
  throw new AdapterError(`Unknown secrets adapter: ${name}`);
}
