import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { publicParts } from '../../../activities/answers.ts';
import { keepSnapshot, ProjectStore } from '../../../activities/project.ts';
import { scrubber } from '../../../activities/scrub.ts';
import { loadProject } from '../../../src/kamal/index.ts';
import { questionsAbout } from '../../../src/plan/questions.ts';

let projectDir: string;
beforeEach(() => {
  projectDir = mkdtempSync(join(tmpdir(), 'bactrian-project-'));
  mkdirSync(join(projectDir, 'config'));
  mkdirSync(join(projectDir, '.kamal'));
  writeFileSync(join(projectDir, '.kamal/secrets'), 'P=pw-of-the-registry\nADMIN_HOST=admin.shop.example\n');
  writeFileSync(
    join(projectDir, 'config/deploy.yml'),
    'service: shop\nimage: acme/shop\nservers: [ 10.0.0.1 ]\nregistry: { username: u, password: [ P ] }\nbuilder: { arch: amd64 }\n' +
      'env: { clear: { APP_HOST: www.shop.example, APP_URL: "https://www.shop.example", TOKEN: 0123456789abcdef }, secret: [ ADMIN_HOST ] }\n',
  );
});
afterEach(() => rmSync(projectDir, { recursive: true }));

it('a name that anybody may ask for is told though a clear variable has it; a secret is not, nor another long value', async () => {
  const env = {};
  const snapshot = await loadProject({ projectDir, env });
  const snapshotDirectory = join(projectDir, 'kept');
  const digest = await keepSnapshot(snapshotDirectory, snapshot);
  const store = new ProjectStore({ projectDir, snapshotDirectory, env: () => env });
  await store.secrets(await store.project(digest));
  const scrub = scrubber(() => store.secretValues());
  const said = 'http www.shop.example / http admin.shop.example / 0123456789abcdef https://www.shop.example';
  expect(scrub(said)).toBe('http [REDACTED] / http [REDACTED] / [REDACTED] [REDACTED]');

  const questions = questionsAbout({ ports: [80], hosts: ['www.shop.example', 'admin.shop.example'], paths: [], labels: [], probes: [] });
  store.showPublic(publicParts(questions.map((question) => ({ question, before: { status: 301, redirect: 'https://www.shop.example', from: 'app', certificate: null } }))));
  expect(scrub(said)).toBe('http www.shop.example / http [REDACTED] / [REDACTED] https://www.shop.example');
  // Resolved again, they are what they were.
  await store.secrets(await store.project(digest));
  expect(scrub(said)).toBe('http www.shop.example / http [REDACTED] / [REDACTED] https://www.shop.example');
});
