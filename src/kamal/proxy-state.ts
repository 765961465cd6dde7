/** A service as kamal-proxy keeps it (kamal-proxy 0.9: `marshalledService`). Durations are in nanoseconds. */
interface KeptService {
  name: string;
  options: {
    hosts?: string[]; path_prefixes?: string[]; tls_enabled?: boolean; tls_certificate_path?: string; tls_private_key_path?: string; tls_redirect?: boolean; canonical_host?: string;
    acme_directory?: string; acme_cache_path?: string; error_page_path?: string; strip_prefix?: boolean; writer_affinity_timeout?: number; read_targets_accept_websockets?: boolean;
  };
  target_options: {
    health_check_config?: { path?: string; port?: number; interval?: number; timeout?: number; host?: string };
    response_timeout?: number; buffer_requests?: boolean; buffer_responses?: boolean; max_memory_buffer_size?: number; max_request_body_size?: number; max_response_body_size?: number;
    log_request_headers?: string[] | null; log_response_headers?: string[] | null; forward_headers?: boolean; scope_cookie_paths?: boolean;
  };
  active_targets?: string[] | null;
  active_readers?: string[] | null;
}

/**
 * The words of `kamal-proxy deploy …` that make a service what it is now: there is no other way to give one back that was
 * removed.
 *
 * @param state kamal-proxy's state file
 * @returns null where it keeps no such service, or is no such file
 */
export function redeployWords(state: string, service: string): string[] | null {
  const kept = servicesIn(state).find(({ name }) => name === service);
  if (!kept) return null;
  const { options, target_options: target } = kept;
  const check = target.health_check_config ?? {};
  return [
    'kamal-proxy', 'deploy', service,
    ...each('target', kept.active_targets), ...each('read-target', kept.active_readers),
    ...each('host', options.hosts), ...each('path-prefix', options.path_prefixes), ...flag('strip-path-prefix', options.strip_prefix),
    ...flag('tls', options.tls_enabled), ...text('tls-certificate-path', options.tls_certificate_path), ...text('tls-private-key-path', options.tls_private_key_path), ...flag('tls-redirect', options.tls_redirect),
    ...(options.acme_directory ? ['--tls-staging=true'] : []), ...text('tls-acme-cache-path', options.acme_cache_path), ...text('canonical-host', options.canonical_host), ...text('error-pages', options.error_page_path),
    ...time('writer-affinity-timeout', options.writer_affinity_timeout), ...flag('read-target-websockets', options.read_targets_accept_websockets),
    ...text('health-check-path', check.path), ...number('health-check-port', check.port), ...time('health-check-interval', check.interval), ...time('health-check-timeout', check.timeout), ...text('health-check-host', check.host),
    ...time('target-timeout', target.response_timeout), ...flag('buffer-requests', target.buffer_requests), ...flag('buffer-responses', target.buffer_responses), ...number('buffer-memory', target.max_memory_buffer_size),
    ...(target.buffer_requests ? number('max-request-body', target.max_request_body_size) : []), ...(target.buffer_responses ? number('max-response-body', target.max_response_body_size) : []),
    ...each('log-request-header', target.log_request_headers), ...each('log-response-header', target.log_response_headers), ...flag('forward-headers', target.forward_headers), ...flag('scope-cookie-paths', target.scope_cookie_paths),
  ];
}

function servicesIn(state: string): KeptService[] {
  try {
    const services: unknown = JSON.parse(state);
    return Array.isArray(services) ? (services as KeptService[]) : [];
  } catch {
    return [];
  }
}

const each = (name: string, values: readonly string[] | null | undefined) => (values ?? []).filter((value) => value !== '').map((value) => `--${name}=${value}`);
const flag = (name: string, value: boolean | undefined) => (value === undefined ? [] : [`--${name}=${String(value)}`]);
const text = (name: string, value: string | undefined) => (value ? [`--${name}=${value}`] : []);
const number = (name: string, value: number | undefined) => (value ? [`--${name}=${value}`] : []);
const time = (name: string, nanoseconds: number | undefined) => (nanoseconds ? [`--${name}=${nanoseconds}ns`] : []);
