import { optionize } from '../ruby/args.ts';
import { isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Directories } from './directories.ts';
import { proxyRunOf, type ProxyRun } from './proxy-run.ts';
import { section } from './raw.ts';

/** The settings with which kamal-proxy serves a role or an accessory (Kamal 2.12: `Configuration::Proxy`). */
export interface ProxySettings {
  /** The root's section merged with the role's. */
  readonly raw: Hash;
  readonly appPort: Value;
  readonly hosts: readonly string[];
  /** As configured: true, false, or the hash with the certificate's secrets. */
  readonly ssl: Value;
  readonly customCertificate: CustomCertificate | null;
  readonly pathPrefixes: readonly string[];
  readonly healthcheckPath: string | null;
  /** Own settings of the proxy's container on this role's hosts, null when there are none. */
  readonly run: ProxyRun | null;
  /** Options of `kamal-proxy deploy`, in Kamal's order, before flags are made of them. `version` names the error pages. */
  deployOptions(version: string | null): Record<string, Value>;
  /** Arguments of `kamal-proxy deploy` behind the service's name. */
  deployArgs(target: string, version: string | null): string[];
}

/** A certificate whose two parts are secrets of the project. */
export interface CustomCertificate {
  readonly certificateSecret: string;
  readonly keySecret: string;
  readonly hostCertificate: string;
  readonly hostKey: string;
  readonly containerCertificate: string;
  readonly containerKey: string;
}

/** What a proxy section needs from the rest of the configuration. Times in seconds, as configured. */
export interface ProxyFacts {
  readonly directories: Directories;
  readonly deployTimeout: Value;
  readonly drainTimeout: Value;
  readonly errorPages: boolean;
}

const LOGGED_REQUEST_HEADERS = ['Cache-Control', 'Last-Modified', 'User-Agent'];

/** Settings of one section; `role` is the role's name, null for an accessory. */
export function proxyOf(config: Hash, role: string | null, facts: ProxyFacts): ProxySettings {
  const run = config.get('run');
  const customCertificate = certificateOf(config, role, facts.directories);
  const appPort = config.get('app_port') ?? (config.has('app_port') ? null : 80);
  const settings: Omit<ProxySettings, 'deployOptions' | 'deployArgs'> = {
    raw: config,
    appPort,
    hosts: splitList(config.get('hosts'), config.get('host')),
    ssl: config.get('ssl') ?? (config.has('ssl') ? null : false),
    customCertificate,
    pathPrefixes: splitList(config.get('path_prefixes'), config.get('path_prefix')),
    healthcheckPath: isHash(config.get('healthcheck')) ? toS(section(config, 'healthcheck').get('path')) || null : null,
    run: isPresent(run) && isHash(run) ? proxyRunOf(run) : null,
  };
  const deployOptions = (version: string | null) => optionsOf(config, settings, facts, version);
  return {
    ...settings,
    deployOptions,
    deployArgs: (target, version) => optionize({ target: `${target}:${toS(appPort)}`, ...deployOptions(version) }, '='),
  };
}

/** Arguments of `kamal-proxy stop`. Seconds. */
export function stopArgs(options: { drainTimeout?: Value; message?: string }): string[] {
  return optionize({ 'drain-timeout': seconds(options.drainTimeout), message: options.message }, '=');
}

function optionsOf(config: Hash, settings: Pick<ProxySettings, 'hosts' | 'ssl' | 'customCertificate' | 'pathPrefixes'>, facts: ProxyFacts, version: string | null): Record<string, Value> {
  const health = section(config, 'healthcheck');
  const buffering = section(config, 'buffering');
  const logging = section(config, 'logging');
  const options: Record<string, Value | undefined> = {
    host: [...settings.hosts],
    tls: settings.ssl === false || settings.ssl === null ? null : true,
    'tls-certificate-path': settings.customCertificate?.containerCertificate,
    'tls-private-key-path': settings.customCertificate?.containerKey,
    'deploy-timeout': seconds(facts.deployTimeout),
    'drain-timeout': seconds(facts.drainTimeout),
    'health-check-interval': seconds(health.get('interval')),
    'health-check-timeout': seconds(health.get('timeout')),
    'health-check-path': health.get('path'),
    'target-timeout': seconds(config.get('response_timeout')),
    'buffer-requests': buffering.has('requests') ? buffering.get('requests') : true,
    'buffer-responses': buffering.has('responses') ? buffering.get('responses') : true,
    'buffer-memory': buffering.get('memory'),
    'max-request-body': buffering.get('max_request_body'),
    'max-response-body': buffering.get('max_response_body'),
    'path-prefix': [...settings.pathPrefixes],
    'strip-path-prefix': config.get('strip_path_prefix'),
    'forward-headers': config.get('forward_headers'),
    'tls-redirect': config.get('ssl_redirect'),
    'log-request-header': logging.get('request_headers') ?? LOGGED_REQUEST_HEADERS,
    'log-response-header': logging.get('response_headers'),
    'error-pages': facts.errorPages ? `${facts.directories.errorPagesInContainer}/${version ?? ''}` : null,
  };
  return Object.fromEntries(Object.entries(options).filter((entry): entry is [string, Value] => entry[1] !== null && entry[1] !== undefined));
}

function certificateOf(config: Hash, role: string | null, directories: Directories): CustomCertificate | null {
  const ssl = section(config, 'ssl');
  const certificate = ssl.get('certificate_pem');
  const key = ssl.get('private_key_pem');
  if (!isPresent(certificate) || !isPresent(key)) return null;
  const path = (directory: string, file: string) => [directory, role, file].filter((part) => part !== null).join('/');
  return {
    certificateSecret: toS(certificate),
    keySecret: toS(key),
    hostCertificate: path(directories.tls, 'cert.pem'),
    hostKey: path(directories.tls, 'key.pem'),
    containerCertificate: path(directories.tlsInContainer, 'cert.pem'),
    containerKey: path(directories.tlsInContainer, 'key.pem'),
  };
}

/** The certificate and its key. @throws SecretMissing */
export function certificateContents(certificate: CustomCertificate, secrets: Secrets): { certificate: string; key: string } {
  return { certificate: secrets.get(certificate.certificateSecret), key: secrets.get(certificate.keySecret) };
}

/** A list, or a text split at commas; Ruby's `split` drops empty parts at the end. */
function splitList(items: Value | undefined, joined: Value | undefined): string[] {
  if (Array.isArray(items)) return items.map(toS);
  if (joined === undefined || joined === null) return [];
  const parts = toS(joined).split(',');
  while (parts.length > 0 && parts.at(-1) === '') parts.pop();
  return parts;
}

function seconds(value: Value | undefined): string | null {
  return value === undefined || value === null || value === false ? null : `${toS(value)}s`;
}
