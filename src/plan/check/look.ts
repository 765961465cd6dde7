import type { Asked } from '../answers.ts';
import { sectionsOf } from '../read-facts.ts';

/** What only a check looks at on a host, beyond what an upgrade's own probe does. */
export interface HostLook extends CloserLook {
  health: HealthSeen[];
  /** Null where there is nothing to log in to. */
  login: RegistryAnswer | null;
  proxyImage: RegistryAnswer;
}

/** What a script on the host saw. */
export interface CloserLook {
  /** Bytes, by image id. */
  imageSizes: Record<string, number>;
  /** Programs that listen, by port. */
  holders: Record<number, string>;
  /** Where containers listen in their own network, by container id. */
  listeners: Record<string, Listener[]>;
  /** Registries that Docker asks in plain HTTP or without a certificate, and mirrors of Docker Hub that it asks first. */
  registries: { insecure: string[]; mirrors: string[] };
  /** Docker reaches registries through a proxy of its own. */
  throughProxy: boolean;
}

export interface Listener {
  port: number;
  /** Only from within the container. */
  loopback: boolean;
}

/** The app's answer on its health path, at its container's own address. */
export interface HealthSeen {
  role: string;
  container: string;
  port: number;
  path: string;
  /** Null where nobody could ask. */
  answer: Asked | null;
  listeners: Listener[];
}

/** `open`: it gives what was asked for; `refused`: it says no, or isn't reached; `unknown`: it couldn't be asked. */
export interface RegistryAnswer {
  outcome: 'open' | 'refused' | 'unknown';
  /** In words, without credentials. */
  why: string;
}

/** What Docker says of registries, as far as it is read here. */
interface RegistryConfig {
  IndexConfigs?: Record<string, { Secure?: boolean } | null> | null;
  InsecureRegistryCIDRs?: string[] | null;
  Mirrors?: string[] | null;
}

/** Turns the output of `activities/script/check.ts` into facts. */
export function readCloserLook(output: string): CloserLook {
  const sections = sectionsOf(output);
  const lines = (name: string) => (sections.get(name) ?? '').split('\n').filter((line) => line !== '');
  const registries = JSON.parse(lines('registries')[0] ?? '{}') as RegistryConfig | null;
  const listeners: Record<string, Listener[]> = {};
  for (const line of lines('sockets')) {
    const [id = '', socket = ''] = line.split('\t');
    const listener = readSocket(socket);
    if (listener) (listeners[id] ??= []).push(listener);
  }
  return {
    imageSizes: Object.fromEntries(lines('sizes').map((line) => line.split('\t')).map(([id = '', size]) => [id, Number(size)])),
    holders: Object.fromEntries(lines('holders').flatMap(readHolder)),
    listeners: Object.fromEntries(Object.entries(listeners).map(([id, each]) => [id, merged(each)])),
    registries: {
      insecure: Object.entries(registries?.IndexConfigs ?? {}).flatMap(([name, index]) => (index?.Secure === false ? [name] : [])),
      mirrors: registries?.Mirrors ?? [],
    },
    throughProxy: lines('through-proxy').length > 0,
  };
}

/** `0100007F:0BB8`, as the kernel writes it: an address with its bytes turned round, and a port. */
function readSocket(text: string): Listener | null {
  const [address = '', port = ''] = text.split(':');
  const number = Number.parseInt(port, 16);
  if (!Number.isInteger(number)) return null;
  return { port: number, loopback: /^[0-9A-F]{6}7F$/i.test(address) || /^0{24}01000000$/.test(address) || /^0{16}FFFF0000[0-9A-F]{6}7F$/i.test(address) };
}

/** A port that is open to all once is open. Docker's own name server listens in each container of a network. */
function merged(listeners: readonly Listener[]): Listener[] {
  const open = new Set(listeners.filter(({ loopback }) => !loopback).map(({ port }) => port));
  const ports = [...new Set(listeners.map(({ port }) => port))].sort((a, b) => a - b);
  return ports.map((port) => ({ port, loopback: !open.has(port) }));
}

/** A line of `ss -Hltnp`. */
function readHolder(line: string): [string, string][] {
  const port = /:(\d+)\s/.exec(line.replace(/^\S+\s+\d+\s+\d+\s+/, ''))?.[1];
  const program = /users:\(\("([^"]+)"/.exec(line)?.[1];
  return port !== undefined && program !== undefined ? [[port, program]] : [];
}
