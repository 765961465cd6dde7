import { ApplicationFailure } from '@temporalio/activity';
import { envFileValue, kamalQuote, shellQuote } from '../src/kamal/shell.ts';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';

/** Shown in place of a secret's value. */
export const MASK = '[REDACTED]';
/** A result or an error is never longer than this, in characters; logs belong into files. */
const CAP = 4096;
/** Shorter values would mask half of every text, and are no secrets. */
const SHORTEST = 4;

/**
 * A function that replaces secret values in a text, in every form in which they could have got there: as they are,
 * as JSON or a shell writes them, and encoded as base64 or for a URL.
 *
 * @param values asked at each call: secrets may be resolved after the scrubber was made
 */
export function scrubber(values: () => Iterable<string>): (text: string) => string {
  return (text) => {
    const forms = new Set<string>();
    for (const value of values()) {
      if (value.length < SHORTEST) continue;
      for (const form of formsOf(value)) if (form.length >= SHORTEST) forms.add(form);
    }
    // Longest first: a value may be part of another one.
    return [...forms].sort((a, b) => b.length - a.length).reduce((out, form) => out.replaceAll(form, MASK), text);
  };
}

function formsOf(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const base64 = Buffer.from(value).toString('base64');
  return [
    value,
    ...value.split('\n').filter((line) => line !== value),
    json,
    JSON.stringify(json).slice(1, -1),
    value.replaceAll('\'', '\'\\\'\''),
    value.replaceAll(/(["$`\\])/g, '\\$1'),
    base64,
    base64.replaceAll('=', ''),
    Buffer.from(value).toString('base64url'),
    encodeURIComponent(value),
    // As commands and env files of ours and of Kamal carry it.
    ...(value.includes('\0') ? [] : [shellQuote(value), shellQuote(value).slice(1, -1)]),
    kamalQuote(value).slice(1, -1),
    envFileValue(value),
  ];
}

/** Keeps secrets out of what activities give back to Temporal: results and errors with all their causes. */
export function scrubbingInterceptor(scrub: (text: string) => string): ActivityInboundCallsInterceptor {
  return {
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      try {
        return scrubValue(await next(input), scrub);
      } catch (error) {
        throw scrubError(error, scrub);
      }
    },
  };
}

function scrubValue(value: unknown, scrub: (text: string) => string): unknown {
  if (typeof value === 'string') return scrub(value).slice(0, CAP);
  if (Array.isArray(value)) return value.map((each) => scrubValue(each, scrub));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, scrubValue(each, scrub)]));
  }
  return value;
}

function scrubError(error: unknown, scrub: (text: string) => string): unknown {
  if (!(error instanceof Error)) return error;
  const clean = (text: string | undefined) => (text === undefined ? undefined : scrub(text).slice(0, CAP));
  error.message = clean(error.message) ?? '';
  error.stack = clean(error.stack);
  if (error instanceof ApplicationFailure && error.details) {
    // `details` is read-only by type, but it is what gets sent.
    Object.assign(error, { details: scrubValue(error.details, scrub) });
  }
  if (error.cause !== undefined) Object.assign(error, { cause: scrubError(error.cause, scrub) });
  return error;
}
