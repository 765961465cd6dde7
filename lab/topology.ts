/** What a lab is asked to be. */
export interface LabSpec {
  /** Distinguishes labs that run at once, and all that belongs to one: up to 8 letters and digits. */
  name: string;
  /** The first three octets of its network, e.g. `10.77.0`. */
  subnet: string;
  /** How many hosts; default 3. */
  hosts?: number;
}

/** One host of a lab, as the machine knows it. */
export interface HostPlace {
  /** `h1`, `h2`, … */
  name: string;
  address: string;
  /** The same number in the lab's IPv6 network. */
  ipv6: string;
  mac: string;
  /** Its network namespace, and the name of its control group. */
  namespace: string;
}

/** The names and addresses of everything in a lab; all derived, so that it can be found and removed by name alone. */
export interface Topology {
  name: string;
  /** The network namespace with the switch and the registries. */
  namespace: string;
  /** The machine's own interface into the lab. */
  interface: string;
  subnet: string;
  /** Where the registries listen, and the hosts' default route. */
  gateway: string;
  /** The machine's own address in the lab. */
  machine: string;
  machineMac: string;
  machineIPv6: string;
  hosts: HostPlace[];
}

/**
 * @throws if the name, the subnet or the number of hosts can't be used
 */
export function topologyOf(spec: LabSpec): Topology {
  const count = spec.hosts ?? 3;
  if (!/^[a-z][a-z0-9]{0,7}$/.test(spec.name)) {
    throw new Error(`lab name '${spec.name}': expected 1 to 8 lower-case letters and digits, beginning with a letter`);
  }
  if (!/^\d{1,3}(\.\d{1,3}){2}$/.test(spec.subnet) || spec.subnet.split('.').some((octet) => Number(octet) > 255)) {
    throw new Error(`lab subnet '${spec.subnet}': expected three octets, such as 10.77.0`);
  }
  if (!Number.isInteger(count) || count < 1 || count > 64) {
    throw new Error(`lab with ${count} hosts: expected 1 to 64`);
  }
  const namespace = `bkt-${spec.name}`;
  return {
    name: spec.name,
    namespace,
    interface: namespace,
    subnet: spec.subnet,
    gateway: `${spec.subnet}.1`,
    machine: `${spec.subnet}.254`,
    machineMac: macOf(`${spec.subnet}.254`),
    machineIPv6: ipv6Of(spec.subnet, 254),
    hosts: Array.from({ length: count }, (_, index) => ({
      name: `h${index + 1}`,
      address: `${spec.subnet}.${index + 11}`,
      ipv6: ipv6Of(spec.subnet, index + 11),
      mac: macOf(`${spec.subnet}.${index + 11}`),
      namespace: `${namespace}-h${index + 1}`,
    })),
  };
}

/** Fixed, so that the machine can know it without asking (network.ts says why). */
function macOf(address: string): string {
  return ['02', '62', ...address.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'))].join(':');
}

/** A unique local address that reads like the IPv4 one: `fd62:10:77:0::11` beside `10.77.0.11`. */
function ipv6Of(subnet: string, host: number): string {
  return `fd62:${subnet.replaceAll('.', ':')}::${host}`;
}
