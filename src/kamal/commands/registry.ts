import { resolveLookup, type Registry } from '../configuration/registry.ts';
import { toS } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { kamalQuote, shellQuote, type Command } from '../shell.ts';
import { any, combine, docker } from './words.ts';

/** A login whose password travels on stdin, never in an argument. */
export interface Login {
  readonly command: Command;
  /** The password, without a newline behind it. */
  readonly stdin: string;
}

/**
 * Logs in to a registry; null for a local one, which needs no login. Docker takes the password from stdin and strips
 * one line end from it.
 * @throws SecretMissing
 */
export function login(registry: Registry, secrets: Secrets): Login | null {
  if (registry.local) return null;
  return {
    command: docker('login', registry.server, '-u', shellQuote(toS(resolveLookup(registry.username, secrets))), '--password-stdin'),
    stdin: toS(resolveLookup(registry.password, secrets)),
  };
}

/** Kamal's own form, with the password in the argument: only to compare with, never to run. @throws SecretMissing */
export function kamalLogin(registry: Registry, secrets: Secrets): Command | null {
  if (registry.local) return null;
  return docker('login', registry.server, '-u', kamalQuote(resolveLookup(registry.username, secrets)), '-p', kamalQuote(resolveLookup(registry.password, secrets)));
}

export function logout(registry: Registry): Command {
  return docker('logout', registry.server);
}

/** Starts the registry on the deploying machine that a `localhost:PORT` server stands for. */
export function setup(registry: Registry): Command {
  return any(
    docker('start', 'kamal-docker-registry'),
    docker('run', '--detach', '-p', `127.0.0.1:${registry.localPort ?? ''}:5000`, '--name', 'kamal-docker-registry', 'registry:3'),
  );
}

export function remove(): Command {
  return combine(docker('stop', 'kamal-docker-registry'), docker('rm', 'kamal-docker-registry'));
}
