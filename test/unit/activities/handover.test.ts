import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handoverScript } from '../../../activities/script/handover.ts';
import { LocalHost } from './local-host.ts';

/**
 * A FakeDocker with an old proxy that serves, a new one that is yet to start, an app, and a warm proxy that never knows
 * the app; `$HOME/warm` says whether that one runs by the time it is looked at again.
 */
const DOCKER = `case $1 in
version|start|stop) exit 0 ;;
ps) case $* in *warm*) echo id-warm ;; *traefik*) echo id-old ;; *kamal-proxy*) echo id-new ;; *) echo id-app ;; esac ;;
inspect)
  case "$*" in
    *Running*id-new*) echo false ;;
    *Running*id-warm*) if [ -f "$HOME/started" ]; then cat "$HOME/warm"; else touch "$HOME/started"; echo true; fi ;;
    *Running*) echo true ;;
  esac ;;
*) exit 1 ;;
esac
`;

describe('a handover whose warm proxy does not know the app', () => {
  let host: LocalHost;
  beforeEach(() => {
    host = new LocalHost();
    host.docker(DOCKER);
  });
  afterEach(() => {
    host.remove();
  });

  it.each([
    ['because it went away, as with an engine that was restarted, is begun anew', 'false', 'HostUnreachable'],
    ['though it runs, is given up', 'true', 'CutoverFailed'],
  ])('%s', async (_, runs, type) => {
    writeFileSync(host.path('warm'), `${runs}\n`);
    const script = handoverScript({ warmName: 'warm', containers: ['shop-web-v1'], way: { old: 'traefik', new: 'kamal-proxy', knows: 'knows() { false; }' }, drainSeconds: 1 });
    const ended = await host.step(script.replaceAll('sleep 0.1', ':').replaceAll('sleep 0.2', ':'));
    expect(ended.fail?.type, ended.output).toBe(type);
  });
});
