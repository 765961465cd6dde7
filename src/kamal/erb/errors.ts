/** A template can't be rendered. `expression` is the Ruby code that is at fault. */
export class ErbError extends Error {
  readonly line: number;
  readonly expression: string;
  readonly expected: string;
  readonly hint: string;

  constructor(message: string, { line, expression, expected, hint = '' }: { line: number; expression: string; expected: string; hint?: string }) {
    super(message);
    this.name = 'ErbError';
    this.line = line;
    this.expression = expression;
    this.expected = expected;
    this.hint = hint;
  }
}

/** Ruby that is beyond the part of it that is understood here; real Ruby may still render the template. */
export class ErbUnsupported extends Error {
  readonly line: number;

  constructor(what: string, line: number) {
    super(what);
    this.name = 'ErbUnsupported';
    this.line = line;
  }
}

/** An error that the template's own code ran into, as Ruby would raise it: a missing key, file or method of nil. */
export class RubyError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.name = 'RubyError';
    this.line = line;
  }
}
