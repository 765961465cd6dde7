import type { Deployment, Role } from '../src/kamal/index.ts';
import type { MeterReading } from '../workflows/types.ts';
import type { MeterArgs } from './api.ts';
import type { ClientRequest } from './ask-as-client.ts';
import { rendering, type Context } from './context.ts';
import { Metering } from './metering.ts';
import { roleOf } from './roles.ts';

/** The outage meter: what clients of the site notice while a host changes its proxy. */
export function meterActivities(context: Context) {
  return {
    async meterHost(args: MeterArgs): Promise<MeterReading> {
      const { deployment } = await rendering(context, args);
      const order = args.roles.find(({ primary }) => primary) ?? args.roles[0];
      const requests = order ? requestsFor(deployment, roleOf(deployment, order.name), args.host) : [];
      return await new Metering(requests, args, (signal) => context.connection(args.digest, args.host, signal)).run();
    },
  };
}

/** How the role's health path can be asked for: as it is configured, and in plain HTTP, which Traefik may have spoken only. */
function requestsFor(deployment: Deployment, role: Role, host: string): ClientRequest[] {
  const prefix = (role.proxy?.pathPrefixes[0] ?? '').replace(/\/$/, '');
  const path = `${prefix}${role.proxy?.healthcheckPath ?? '/up'}`;
  const name = role.proxy?.hosts[0] ?? host;
  const ports = deployment.effectiveProxyRun(host).ports;
  const wanted = role.ssl ? ([443, 80] as const) : ([80] as const);
  return wanted.flatMap((inside) => {
    const port = ports.find(({ containerPort }) => containerPort === inside);
    return port ? [{ tls: inside === 443, address: port.ip ?? host, port: port.hostPort, name, path }] : [];
  });
}
