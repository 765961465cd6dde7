import { createHash } from 'node:crypto';
import type { Deployment } from '../kamal/index.ts';

type Primary = Pick<Deployment, 'configPrimaryHost' | 'primaryHost'>;

/**
 * The id of a deployment's runs: one is open at a time, whatever part of the fleet it works on.
 * Two deployments of one name (forks, copies) are told apart by their primary host.
 */
export function workflowIdOf(deployment: Primary & Pick<Deployment, 'name'>): string {
  const hash = createHash('sha256').update(primaryHostOf(deployment)).digest('hex').slice(0, 8);
  return `bactrian/${deployment.name}/${hash}`;
}

/** Where the deploy lock is: the configuration's primary host, also when only other hosts are selected. */
export function primaryHostOf(deployment: Primary): string {
  return deployment.configPrimaryHost ?? deployment.primaryHost ?? '';
}
