import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { must } from './run.ts';

/** An image made of a folder; the settings are Dockerfile instructions. */
export interface ImageRecipe {
  /** Repository and tag in the lab's registries. */
  reference: string;
  /** Where the real one is, if there is a real one. */
  upstream?: string;
  settings: string[];
  fill: (root: string) => Promise<void>;
}

/** The lab's static binaries, as `build-binary` made them. */
export interface Binaries {
  app: string;
  traefik?: string;
  kamalProxy?: string;
}

const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The images of a fleet. Those of other people's programs carry the labels that the real ones carry, since Kamal prunes by
 * them, and behave as those do as far as Kamal touches them.
 * @throws (in `fill`) if the recipe's binary wasn't given
 */
export function imageRecipes(binaries: Binaries): ImageRecipe[] {
  const app = (version: string): ImageRecipe => ({
    reference: `labapp:${version}`,
    settings: [path, `ENV APP_VERSION=${version}`, 'EXPOSE 3000', 'LABEL service=labapp', 'ENTRYPOINT ["/usr/local/bin/labapp"]'],
    fill: async (root) => {
      await fillBase(root);
      await install(binaries.app, join(root, 'usr/local/bin/labapp'));
      // Kamal 1's health check runs curl in the app's container.
      await installWithLibraries('/usr/bin/curl', root);
    },
  });
  return [
    app('v1'),
    app('v2'),
    {
      reference: 'library/traefik:v2.11',
      upstream: 'docker.io/library/traefik:v2.11',
      settings: [
        path,
        'EXPOSE 80',
        'LABEL org.opencontainers.image.title=Traefik',
        'LABEL org.opencontainers.image.vendor="Traefik Labs"',
        'ENTRYPOINT ["/usr/local/bin/traefik"]',
      ],
      fill: async (root) => {
        await fillBase(root);
        await install(binaries.traefik, join(root, 'usr/local/bin/traefik'));
      },
    },
    {
      reference: 'basecamp/kamal-proxy:v0.9.2',
      upstream: 'docker.io/basecamp/kamal-proxy:v0.9.2',
      settings: [
        path,
        'EXPOSE 80 443',
        'LABEL org.opencontainers.image.title=kamal-proxy',
        'USER kamal-proxy',
        'CMD ["kamal-proxy", "run"]',
      ],
      fill: async (root) => {
        await fillBase(root);
        await install(binaries.kamalProxy, join(root, 'usr/local/bin/kamal-proxy'));
        const home = join(root, 'home/kamal-proxy');
        await mkdir(join(home, '.config/kamal-proxy'), { recursive: true });
        for (const folder of ['', '.config', '.config/kamal-proxy']) await chown(join(home, folder), 1001, 1001);
      },
    },
    {
      reference: 'library/redis:7.0',
      upstream: 'docker.io/library/redis:7.0',
      settings: [path, 'EXPOSE 6379', 'WORKDIR /data', 'VOLUME /data', 'CMD ["redis-server"]'],
      fill: async (root) => {
        await fillBase(root);
        await mkdir(join(root, 'data'));
        await installWithLibraries('/usr/bin/redis-server', root);
        await installWithLibraries('/usr/bin/redis-cli', root);
        // The real image is built to answer clients from elsewhere without a password; Debian's binary has to be told.
        const wrapper = join(root, 'usr/local/bin/redis-server');
        await writeFile(wrapper, '#!/bin/sh\nexec /usr/bin/redis-server "$@" --protected-mode no\n');
        await chmod(wrapper, 0o755);
      },
    },
  ];
}

async function fillBase(root: string): Promise<void> {
  for (const folder of ['bin', 'usr/bin', 'usr/local/bin', 'etc/ssl/certs', 'tmp', 'root', 'var/run', 'proc', 'sys', 'dev']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await install('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of (await must('/bin/busybox', ['--list'])).split('\n').filter(Boolean)) {
    if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  }
  const passwd = ['root:x:0:0:root:/root:/bin/sh', 'kamal-proxy:x:1001:1001::/home/kamal-proxy:/bin/sh'];
  await writeFile(join(root, 'etc/passwd'), `${passwd.join('\n')}\n`);
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nkamal-proxy:x:1001:\n');
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) await copyFile(certificates, join(root, certificates));
}

async function install(from: string | undefined, to: string): Promise<void> {
  if (from === undefined) throw new Error(`no binary for ${basename(to)} was built`);
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
  await chmod(to, 0o755);
}

/** Copies a program of this machine and the shared libraries that it names, each to its own path below `root`. */
async function installWithLibraries(program: string, root: string): Promise<void> {
  await install(program, join(root, program));
  for (const [, library] of (await must('ldd', [program])).matchAll(/(?:=> )?(\/\S+) \(0x/g)) {
    if (library !== undefined) await install(library, join(root, library));
  }
}
