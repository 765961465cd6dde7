import { compactJoin } from './raw.ts';

/** Where Kamal 2 keeps its files on a host, relative to the SSH user's home; `proxyApp…` are of this deployment. */
export interface Directories {
  readonly run: string;
  readonly apps: string;
  readonly app: string;
  readonly env: string;
  readonly roleEnv: string;
  readonly accessoryEnv: string;
  readonly assets: string;
  readonly proxy: string;
  readonly appsConfig: string;
  readonly appsConfigInContainer: string;
  readonly proxyApp: string;
  readonly proxyAppInContainer: string;
  readonly errorPages: string;
  readonly errorPagesInContainer: string;
  readonly tls: string;
  readonly tlsInContainer: string;
}

/** Kamal 2.12: `Configuration#…_directory` and `Proxy::Boot`. `run_directory` is accepted and ignored since Kamal 2. */
export function directoriesOf(service: string, destination: string | null): Directories {
  const name = compactJoin([service, destination], '-');
  const app = `.kamal/apps/${name}`;
  const proxyApp = `.kamal/proxy/apps-config/${name}`;
  const inContainer = '/home/kamal-proxy/.apps-config';
  return {
    run: '.kamal',
    apps: '.kamal/apps',
    app,
    env: `${app}/env`,
    roleEnv: `${app}/env/roles`,
    accessoryEnv: `${app}/env/accessories`,
    assets: `${app}/assets`,
    proxy: '.kamal/proxy',
    appsConfig: '.kamal/proxy/apps-config',
    appsConfigInContainer: inContainer,
    proxyApp,
    proxyAppInContainer: `${inContainer}/${name}`,
    errorPages: `${proxyApp}/error_pages`,
    errorPagesInContainer: `${inContainer}/${name}/error_pages`,
    tls: `${proxyApp}/tls`,
    tlsInContainer: `${inContainer}/${name}/tls`,
  };
}
