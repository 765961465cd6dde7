import { lookCloser } from '../../activities/check.ts';
import type { Secrets } from '../kamal/index.ts';
import { hostItems } from '../plan/check/host.ts';
import { ItemsAt, type CheckItem } from '../plan/check/items.ts';
import type { HostLook } from '../plan/check/look.ts';
import { planUpgrade } from '../plan/plan.ts';
import { hostRefusals } from '../plan/refusals.ts';
import { primaryHostOf } from '../plan/workflow-id.ts';
import { provesHandover, refusalOptions, type JudgingOptions } from './judging-options.ts';
import { afterPreConnect, byPreConnect } from './pre-connect.ts';
import { probeFleet } from './probe-fleet.ts';
import type { LoadedProject, ProjectOptions } from './project.ts';

/**
 * Looks at all selected hosts as an upgrade does before its plan, and closer. Changes nothing on them.
 * @param judging an upgrade's options: what it would refuse with them is what a check is for
 * @param say tells a person what is being done
 * @returns items host by host, in Kamal's order, and first what concerns the fleet
 */
export async function checkHosts(project: LoadedProject, secrets: Secrets, judging: JudgingOptions & Pick<ProjectOptions, 'version' | 'skipHooks'>, say: (line: string) => void): Promise<CheckItem[]> {
  const { deployment, snapshot } = project;
  const looks = new Map<string, HostLook>();
  const look = () => probeFleet(project, secrets, {
    probeUrls: judging.probeUrl,
    accessories: judging.accessories,
    prove: provesHandover(judging),
    also: async (connection, facts) => {
      looks.set(facts.host, await lookCloser(connection, deployment, secrets, facts));
    },
  });
  const { probe, hookRan } = await byPreConnect(look, { project, hosts: deployment.hosts, secrets, skipHooks: judging.skipHooks === true, say });
  const options = refusalOptions(judging, { version: judging.version, waitForLock: false });
  const plan = planUpgrade(snapshot, deployment, secrets, probe.facts, options);
  const primary = primaryHostOf(deployment);
  const byHook = afterPreConnect(snapshot, hookRan).map((line) => ` ${line}`).join('');
  const fleet = new ItemsAt('project');
  for (const { about, reason, hint } of plan.refusals.filter(({ host }) => host === null)) fleet.fail(about, reason, hint);
  const versions = new Set(plan.hosts.flatMap(({ roles }) => roles.map(({ runningVersion }) => runningVersion)));
  if (versions.size > 1) fleet.warn('versions', `${deployment.service} runs in several versions: ${[...versions].join(', ')}`, 'deploy one version everywhere, or let each host keep its own');
  const hosts = [...new Set([...deployment.hosts, primary])].flatMap((host): CheckItem[] => {
    const lost = probe.unreachable.find((each) => each.host === host);
    if (lost) return [{ id: 'ssh', level: 'fail', where: host, what: oneLine(lost.message), fix: oneLine(`${lost.hint}${lost.noWay ? byHook : ''}`) }];
    const facts = probe.facts.find((each) => each.host === host);
    if (!facts) return [];
    const seen = { facts, look: looks.get(host) ?? null, plan: plan.hosts.find((each) => each.host === host) ?? null, refusals: plan.refusals.filter((refusal) => refusal.host === host), deployment, primary: host === primary, now: options.now, acceptLostEnv: judging.acceptLostEnv === true };
    if (deployment.hosts.includes(host)) return hostItems(seen);
    // The primary host isn't selected: only its lock counts.
    const held = hostRefusals(facts, deployment, options).filter(({ about }) => about === 'lock');
    return held.map(({ reason, hint }): CheckItem => ({ id: 'lock', level: 'fail', where: host, what: reason, fix: hint }));
  });
  return [...fleet.items, ...hosts];
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}
