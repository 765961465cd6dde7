import { Command, InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../src/cli/exit-codes.ts';
import { failureOptions, failureRules, type FailureOptions } from '../../../src/cli/failure-options.ts';
import { duration, probeUrl } from '../../../src/cli/values.ts';

const HOSTS = [
  { host: 'web-1', primary: true, done: false },
  { host: 'web-2', primary: true, done: true },
  { host: 'job-1', primary: false, done: false },
];

/** What a run is told for these words of a command line. */
function rules(words: string, confirmed = false) {
  const command = failureOptions(new Command()).exitOverride().configureOutput({ writeErr: () => undefined });
  command.parse(words.split(' ').filter((word) => word !== ''), { from: 'user' });
  return failureRules(command.opts<FailureOptions>(), HOSTS, confirmed);
}

function refusal(words: string): string {
  try {
    rules(words);
  } catch (error) {
    return (error as CommandError).message;
  }
  return 'taken';
}

describe('how careful a run is', () => {
  it('is, when nothing is said: back at the first failure, measured from here, no canary', () => {
    expect(rules('')).toEqual({ canary: null, onFailure: 'rollback', maxFailures: null, probe: 'worker' });
  });

  it('is what the command line says', () => {
    expect(rules('--canary web-1,job-1,web-1 --soak 90s --on-failure continue --max-failures 0 --probe host')).toEqual({
      canary: { hosts: ['web-1', 'job-1'], soakSeconds: 90, ask: true },
      onFailure: 'continue',
      maxFailures: 0,
      probe: 'host',
    });
    expect(rules('--canary web-1', true).canary).toEqual({ hosts: ['web-1'], soakSeconds: 600, ask: false });
  });

  it.each([
    ['--canary web-9', '--canary names web-9, which this run does not work on'],
    ['--canary job-1', 'none of the canaries (job-1) runs the primary role'],
    ['--canary web-2', 'the canaries (web-2) are there already: nothing would be tried on them'],
    ['--soak 10m', '--soak needs a --canary to watch'],
    ['--max-failures 3', '--max-failures counts only where the run goes on'],
    ['--on-failure continue --max-failures -1', "error: option '--max-failures <n>' argument '-1' is invalid. a whole number from 0 on is expected"],
    ['--on-failure retry', "error: option '--on-failure <what>' argument 'retry' is invalid. Allowed choices are rollback, pause, continue."],
    ['--canary ,', "error: option '--canary <hosts>' argument ',' is invalid. names between commas are expected"],
  ])('%s is refused', (words, message) => {
    expect(refusal(words)).toBe(message);
  });
});

describe('a time', () => {
  it.each([['90s', 90], ['10m', 600], ['2h', 7200], ['45', 45], ['0', 0]])('%s is %i seconds', (text, seconds) => {
    expect(duration(text)).toBe(seconds);
  });

  it.each(['', 'ten', '10 m', '-5s', '1d', '1.5h'])("'%s' is none", (text) => {
    expect(() => duration(text)).toThrow(InvalidArgumentError);
  });
});

describe("a load balancer's check", () => {
  it('is a URL, of which there may be several', () => {
    expect(probeUrl('https://lb/up?a=1', ['http://lb/'])).toEqual(['http://lb/', 'https://lb/up?a=1']);
    expect(() => probeUrl('lb/up', [])).toThrow(InvalidArgumentError);
    expect(() => probeUrl('ftp://lb/up', [])).toThrow(InvalidArgumentError);
  });
  it('carries no password into the history of runs', () => {
    expect(() => probeUrl('http://lb:hunter2@lb/up', [])).toThrow(/^(?!.*hunter2).*without user and password/);
  });
});
