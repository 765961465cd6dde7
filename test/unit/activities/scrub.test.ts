import { ApplicationFailure } from '@temporalio/activity';
import type { ActivityExecuteInput } from '@temporalio/worker';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scrubber, scrubbingInterceptor } from '../../../activities/scrub.ts';
import { envFileValue, kamalQuote, shellQuote } from '../../../src/kamal/shell.ts';

/** Forms in which a value gets into texts. Written anew: the scrubber's own list would only agree with itself. */
const FORMS: Record<string, (value: string) => string> = {
  'as it is': (value) => value,
  'in JSON': (value) => JSON.stringify({ value }),
  'in JSON in JSON': (value) => JSON.stringify({ message: JSON.stringify({ value }) }),
  'in single quotes for a shell': (value) => `'${value.split("'").join(`'\\''`)}'`,
  'in double quotes for a shell': (value) => `"${value.replace(/["$`\\]/g, '\\$&')}"`,
  'in base64': (value) => Buffer.from(value, 'utf8').toString('base64'),
  'in base64 for URLs': (value) => Buffer.from(value, 'utf8').toString('base64url'),
  'in a URL': (value) => `postgres://app:${encodeURIComponent(value)}@db/shop`,
};

/** Values that a mask could hide or a context could hold by itself are no test. */
const secret = fc
  .string({ unit: fc.oneof(fc.constantFrom('"', "'", '$', '`', '\\', ' ', '\n', '%', '=', '+', '/', '{', '.', '*', '['), fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })), minLength: 4, maxLength: 60 })
  .filter((value) => value.trim().length >= 4 && !'[REDACTED]'.includes(value));

describe('the scrubber', () => {
  it.each(Object.keys(FORMS))('finds a secret %s', (form) => {
    const written = FORMS[form];
    if (!written) throw new Error(`no form ${form}`);
    fc.assert(
      fc.property(secret, (value) => {
        const scrub = scrubber(() => [value]);
        const text = `the step said: ${written(value)} and ended`;
        const clean = scrub(text);
        // What is left must not lead back: neither the value nor the way it was written.
        const bare = written(value).replace(/^\{"(value|message)":"?|"?\}$/g, '');
        return clean !== text && !clean.includes(value) && !clean.includes(bare);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds each of several secrets, one of which is part of another', () => {
    fc.assert(
      fc.property(fc.array(secret, { minLength: 2, maxLength: 5 }), fc.nat(), (values, at) => {
        const longer = `${values[0]}${values[at % values.length]}`;
        const all = [...values, longer];
        const clean = scrubber(() => all)(all.join(' | '));
        return all.every((value) => !clean.includes(value) || '[REDACTED] | [REDACTED]'.includes(value));
      }),
      { numRuns: 1000 },
    );
  });

  it('finds the lines of a key, one by one', () => {
    const key = '-----BEGIN KEY-----\nb3BlbnNzaC1rZXktdjEA\nAAAAB3NzaC1yc2E\n-----END KEY-----\n';
    expect(scrubber(() => [key])('ssh said: b3BlbnNzaC1rZXktdjEA?')).toBe('ssh said: [REDACTED]?');
  });

  it('asks for the values each time: some are known only later', () => {
    const known: string[] = [];
    const scrub = scrubber(() => known);
    expect(scrub('hunter2')).toBe('hunter2');
    known.push('hunter2');
    expect(scrub('hunter2')).toBe('[REDACTED]');
  });

  it('leaves values of three characters alone: they are in every text', () => {
    expect(scrubber(() => ['yes', ''])('yes, it runs')).toBe('yes, it runs');
  });
});

describe('the interceptor', () => {
  const interceptor = scrubbingInterceptor(scrubber(() => ['s3cr3t-value']));
  const input = { args: [], headers: {} } as unknown as ActivityExecuteInput;
  const run = (work: () => Promise<unknown>) => interceptor.execute?.(input, work);

  it('scrubs results however deep, and leaves numbers and nulls', async () => {
    const result = { notes: ['it is s3cr3t-value'], deep: { list: [{ text: 's3cr3t-value' }] }, count: 3, none: null, yes: true };
    expect(await run(() => Promise.resolve(result))).toEqual({ notes: ['it is [REDACTED]'], deep: { list: [{ text: '[REDACTED]' }] }, count: 3, none: null, yes: true });
  });

  it('scrubs messages, stacks, details and all causes of an error, and keeps its type', async () => {
    const cause = new Error('exec: s3cr3t-value');
    const thrown = ApplicationFailure.create({ type: 'StepFailed', message: 'said s3cr3t-value', nonRetryable: true, details: [{ hint: 's3cr3t-value' }], cause });
    const error = await run(() => Promise.reject(thrown))?.catch((each: unknown) => each);
    expect(error).toBeInstanceOf(ApplicationFailure);
    expect(error).toMatchObject({ type: 'StepFailed', nonRetryable: true, message: 'said [REDACTED]', details: [{ hint: '[REDACTED]' }] });
    const told = [error, (error as Error).cause].map((each) => `${String(each)} ${(each as Error).stack} ${JSON.stringify(each)}`).join('\n');
    expect(told).not.toContain('s3cr3t-value');
    expect(told).toContain('exec: [REDACTED]');
  });

  it('keeps results and messages short: long texts belong into files', async () => {
    expect(await run(() => Promise.resolve({ notes: ['x'.repeat(10_000)] }))).toEqual({ notes: ['x'.repeat(4096)] });
    const error = await run(() => Promise.reject(new Error('y'.repeat(10_000))))?.catch((each: unknown) => each);
    expect((error as Error).message).toHaveLength(4096);
  });

  it('cuts after it has scrubbed: half a secret is one, too', async () => {
    const result = await run(() => Promise.resolve(`${'x'.repeat(4090)}s3cr3t-value`));
    expect(result).toBe(`${'x'.repeat(4090)}[REDAC`);
  });
});

describe("Kamal's own ways of writing a value", () => {
  it.each([
    ['an env file', envFileValue],
    ['a docker option', kamalQuote],
    ['a quoted argument', shellQuote],
  ])('do not get a secret past the scrubber: %s', (_, written) => {
    const ascii = fc.string({ unit: fc.constantFrom(...Array.from(' !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\n')), minLength: 4, maxLength: 40 }).filter((value) => value.trim().length >= 4 && !'[REDACTED]'.includes(value));
    fc.assert(
      fc.property(ascii, (value) => {
        const text = `docker said: ${written(value)}`;
        return scrubber(() => [value])(text) !== text;
      }),
      { numRuns: 2000 },
    );
  });
});
