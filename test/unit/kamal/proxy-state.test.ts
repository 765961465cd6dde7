import { describe, expect, it } from 'vitest';
import { redeployWords } from '../../../src/kamal/index.ts';

/** As kamal-proxy 0.9.2 writes it after `deploy shop-web --target=a65b64f9f8b2:3000 --host=shop.example --tls …`. */
const STATE = JSON.stringify([
  {
    name: 'bactrian-traefik', active_targets: ['bactrian-traefik:80'], active_readers: [], pause_controller: { state: 0 }, rollout_controller: null,
    options: { hosts: [''], path_prefixes: ['/'], tls_enabled: false, tls_redirect: true, acme_cache_path: '/home/kamal-proxy/.config/kamal-proxy/certs', strip_prefix: true, writer_affinity_timeout: 3000000000 },
    target_options: { health_check_config: { path: '/ping', port: 8080, interval: 1000000000, timeout: 5000000000, host: '' }, response_timeout: 86400000000000, buffer_requests: false, max_memory_buffer_size: 1048576, max_request_body_size: 0, log_request_headers: null, forward_headers: false },
  },
  {
    name: 'shop-web', active_targets: ['a65b64f9f8b2:3000'], active_readers: null,
    options: { hosts: ['shop.example', 'www.shop.example'], path_prefixes: ['/', '/api'], tls_enabled: true, tls_redirect: false, acme_directory: '', strip_prefix: false, error_page_path: '/home/kamal-proxy/pages' },
    target_options: { health_check_config: { path: '/up', port: 0, interval: 1000000000, timeout: 2000000000 }, response_timeout: 30000000000, buffer_requests: true, buffer_responses: false, max_request_body_size: 1000, max_response_body_size: 1000, log_request_headers: ['Cache-Control', 'User-Agent'], forward_headers: true },
  },
]);

describe('how a service was deployed to kamal-proxy', () => {
  it('is read in its own state, durations and lists included', () => {
    expect(redeployWords(STATE, 'shop-web')).toEqual([
      'kamal-proxy', 'deploy', 'shop-web', '--target=a65b64f9f8b2:3000', '--host=shop.example', '--host=www.shop.example', '--path-prefix=/', '--path-prefix=/api', '--strip-path-prefix=false',
      '--tls=true', '--tls-redirect=false', '--error-pages=/home/kamal-proxy/pages', '--health-check-path=/up', '--health-check-interval=1000000000ns', '--health-check-timeout=2000000000ns',
      '--target-timeout=30000000000ns', '--buffer-requests=true', '--buffer-responses=false', '--max-request-body=1000', '--log-request-header=Cache-Control', '--log-request-header=User-Agent', '--forward-headers=true',
    ]);
  });

  it('leaves out what is every host and every path', () => {
    const words = redeployWords(STATE, 'bactrian-traefik') ?? [];
    expect(words.filter((word) => /^--(host|path-prefix)=/.test(word))).toEqual(['--path-prefix=/']);
    expect(words).toContain('--health-check-port=8080');
  });

  it('is not known for a service that it does not keep, nor from a file that is none of its', () => {
    expect(redeployWords(STATE, 'wiki-web')).toBeNull();
    expect(redeployWords('', 'shop-web')).toBeNull();
    expect(redeployWords('{"half', 'shop-web')).toBeNull();
    expect(redeployWords('{}', 'shop-web')).toBeNull();
  });
});
