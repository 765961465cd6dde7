import { existsSync } from 'node:fs';

import { must, run } from './run.ts';
import type { HostPlace, Topology } from './topology.ts';

/**
 * Makes the lab's network: a switch in a namespace of its own (the machine's firewall, which Docker may have told to drop
 * what is forwarded, has no say there), a leg of the machine, one of each host. Only what is missing is made.
 */
export async function makeNetwork(lab: Topology): Promise<void> {
  if (!namespaceExists(lab.namespace)) {
    await refuseTakenSubnet(lab);
    await makeSwitch(lab);
  }
  for (const host of lab.hosts) {
    if (!namespaceExists(host.namespace)) await makeLeg(lab, host);
  }
}

async function makeSwitch(lab: Topology): Promise<void> {
  await ip('netns', 'add', lab.namespace);
  await run('ip', ['link', 'del', lab.interface]);
  await ipBatch(lab.namespace, [
    'link set lo up',
    'link add switch type bridge',
    'link set switch up',
    `addr add ${lab.gateway}/24 dev switch`,
  ]);
  await ip('link', 'add', lab.interface, 'address', lab.machineMac, 'type', 'veth', 'peer', 'machine', 'netns', lab.namespace);
  await ip('-n', lab.namespace, 'link', 'set', 'machine', 'master', 'switch', 'up');
  await ip('addr', 'add', `${lab.machine}/24`, 'dev', lab.interface);
  await ip('addr', 'add', `${lab.machineIPv6}/64`, 'dev', lab.interface, 'nodad');
  await ip('link', 'set', lab.interface, 'up');
}

/** With two ways to one network, packets would go to either. */
async function refuseTakenSubnet(lab: Topology): Promise<void> {
  const routes = (await must('ip', ['-o', 'route', 'show', 'root', `${lab.subnet}.0/24`])).split('\n');
  const taken = routes.find((route) => route !== '' && !route.includes(` dev ${lab.interface} `));
  if (taken === undefined) return;
  throw new Error(
    `lab ${lab.name} wants the network ${lab.subnet}.0/24, which this machine has already: '${taken.trim()}'. ` +
      "If that is another lab, take it down or give one of them another --subnet; if it isn't, choose another --subnet.",
  );
}

async function makeLeg(lab: Topology, host: HostPlace): Promise<void> {
  await ip('netns', 'add', host.namespace);
  await run('ip', ['-n', lab.namespace, 'link', 'del', host.name]);
  await ip('-n', lab.namespace, 'link', 'add', host.name, 'type', 'veth', 'peer', 'eth0', 'address', host.mac, 'netns', host.namespace);
  await ip('-n', lab.namespace, 'link', 'set', host.name, 'master', 'switch', 'up');
  await ipBatch(host.namespace, [
    'link set lo up',
    `addr add ${host.address}/24 dev eth0`,
    `addr add ${host.ipv6}/64 dev eth0 nodad`,
    'link set eth0 up',
    `route add default via ${lab.gateway}`,
  ]);
  // With the neighbour known for good, a cut cable is silence, as it is on a routed network, and not 'no route to host'.
  for (const address of [host.address, host.ipv6]) {
    await ip('neigh', 'replace', address, 'lladdr', host.mac, 'dev', lab.interface, 'nud', 'permanent');
  }
}

/** Removes the namespaces, and with them their interfaces. Nothing may run in them any more. */
export async function removeNetwork(lab: Topology, namespaces: readonly string[]): Promise<void> {
  for (const namespace of namespaces) await run('ip', ['netns', 'del', namespace]);
  await run('ip', ['link', 'del', lab.interface]);
}

/** @returns the namespaces of this lab that exist, whichever number of hosts it was made with */
export async function namespacesOf(lab: Topology): Promise<string[]> {
  const mine = new RegExp(`^${lab.namespace}(-h\\d+)?$`);
  const listed = await must('ip', ['netns', 'list']);
  return listed
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => mine.test(name));
}

/** Pulls or plugs the host's cable: packets vanish without an answer, in both directions. */
export async function setLink(lab: Topology, host: HostPlace, state: 'up' | 'down'): Promise<void> {
  await ip('-n', lab.namespace, 'link', 'set', host.name, state);
}

function namespaceExists(name: string): boolean {
  return existsSync(`/run/netns/${name}`);
}

async function ip(...args: string[]): Promise<void> {
  await must('ip', args);
}

async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  await must('ip', ['-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
