import { lab } from './the-lab.ts';

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What Docker makes anew for each container: ids, times, addresses, and paths that are made of ids. */
const OWN = new Set([
  'Id', 'Created', 'Pid', 'StartedAt', 'FinishedAt', 'Log', 'ExitCode', 'ResolvConfPath', 'HostnamePath', 'HostsPath', 'LogPath', 'Data', 'SandboxID', 'SandboxKey',
  'EndpointID', 'NetworkID', 'Gateway', 'IPAddress', 'MacAddress', 'GlobalIPv6Address', 'IPv6Gateway', 'DNSNames', 'Aliases', 'LinkLocalIPv6Address',
]);

/** What `docker inspect` says of all containers of a host, by name, but for ids and times. */
export async function inspected(host: string): Promise<Record<string, Json>> {
  const { stdout } = await lab.exec(host, 'docker inspect $(docker ps -aq)');
  const containers = (JSON.parse(stdout) as { Name: string; [key: string]: Json }[]).map((each): [string, Json] => [settledText(each.Name.slice(1)), settled(each)]);
  return Object.fromEntries(containers.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Only those that run. */
export function running(containers: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(containers).filter(([, each]) => (each as { State: { Running: boolean } }).State.Running));
}

function settled(value: Json): Json {
  if (typeof value === 'string') return settledText(value);
  // Docker keeps no order of mounts and binds.
  if (Array.isArray(value)) return value.map(settled).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !OWN.has(key)).map(([key, each]) => [key, settled(each)]));
}

/** Random parts of names that Kamal makes. */
function settledText(text: string): string {
  return text
    .replace(/_replaced_[0-9a-f]{16}\b/, '_replaced_<hex>')
    .replace(/(\/cords\/[\w-]+-)[0-9a-f]{32}\b/, '$1<hex>')
    .replace(/^(\d+\.\d+\.\d+\.\d+)-[0-9a-f]{12}$/, '$1-<hex>')
    .replace(/^[0-9a-f]{12}$/, '<id>');
}
