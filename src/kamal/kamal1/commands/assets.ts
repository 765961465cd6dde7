import path from 'node:path';
import { chain, combine, docker, makeDirectory } from '../../commands/words.ts';
import type { Command } from '../../shell.ts';
import type { Kamal1Deployment } from '../deployment.ts';
import type { Kamal1Assets, Kamal1Role } from '../role.ts';

/** Copies the image's assets to the host (Kamal 1.9: `Commands::App::Assets`). */
export function extract(d: Kamal1Deployment, role: Kamal1Role, assets: Kamal1Assets, version: string): Command {
  const container = `${role.containerPrefix}-assets`;
  const directory = assets.extractedDirectory(version);
  return combine(
    makeDirectory(directory),
    [...docker('stop', '-t 1', container, '2> /dev/null'), '|| true'],
    docker('run', '--name', container, '--detach', '--rm', d.absoluteImage(version), 'sleep 1000000'),
    docker('cp', '-L', `${container}:${assets.path}/.`, directory),
    docker('stop', '-t 1', container),
  );
}

/** Fills the new version's asset volume; with an old version both volumes get both versions' files. */
export function syncVolumes(assets: Kamal1Assets, { version, oldVersion }: { version: string; oldVersion?: string }): Command {
  const extracted = assets.extractedDirectory(version);
  const volume = assets.volumeDirectory(version);
  const copy = (from: string, to: string, ...rest: string[]): Command => ['cp', '-rnT', from, to, ...rest];
  const old = oldVersion === undefined || oldVersion.trim() === '' ? null : oldVersion;
  return chain(
    makeDirectory(volume),
    copy(extracted, volume),
    old === null ? null : copy(extracted, assets.volumeDirectory(old), '|| true'),
    old === null ? null : copy(assets.extractedDirectory(old), volume, '|| true'),
  );
}

/** Removes the assets of all other versions. */
export function cleanUp(role: Kamal1Role, assets: Kamal1Assets, version: string): Command {
  const others = (directory: string): Command => [
    'find', path.posix.dirname(directory), '-maxdepth 1', '-name', `'${role.containerPrefix}-*'`, '!', '-name', path.posix.basename(directory), '-exec rm -rf "{}" +',
  ];
  return chain(others(assets.extractedDirectory(version)), others(assets.volumeDirectory(version)));
}
