import { firstAccessoryStep, firstHostStep, UNLOCK_STEP } from '../../workflows/numbering.ts';
import { lab } from './the-lab.ts';

/** One attempt of a run's step, as the host's sshd saw it. */
export interface Attempt {
  host: string;
  run: string;
  /** See `workflows/numbering.ts`: the lock, the app, accessories, unlock. */
  seq: number;
  attempt: number;
  startedAt: number;
  endedAt: number | undefined;
  code: number | undefined;
}

/** All attempts of all steps that reached a host since it was brought up or restored, in order. */
export async function attemptsOn(host: string): Promise<Attempt[]> {
  return (await lab.commands(host)).flatMap(({ command, startedAt, endedAt, code }) => {
    const [, run = '', seq, attempt] = / bactrian '?([\w-]+)'? '?\d+'? '?(\d+)'? '?(\d+)'?\s*$/.exec(command) ?? [];
    return seq === undefined ? [] : [{ host, run, seq: Number(seq), attempt: Number(attempt), startedAt, endedAt, code }];
  });
}

/** The steps of a host's app: without the lock's, and without what is done there while accessories reboot. */
export async function appStepsOn(host: string): Promise<Attempt[]> {
  return (await stepsOn(host)).filter(({ seq }) => seq < firstAccessoryStep(0));
}

/** The steps, without the lock's. */
export async function stepsOn(host: string): Promise<Attempt[]> {
  return (await attemptsOn(host)).filter(({ seq }) => seq >= firstHostStep(1) && seq < UNLOCK_STEP);
}
