/** What a host script said, in the `@` lines of its output; the rest is its log. */
export interface Answer {
  notes: string[];
  /** True when no line said `@changed`. */
  unchanged: boolean;
  fail: { type: string; text: string } | null;
  /** What it told the worker alone: nobody is shown it, and nobody keeps it. */
  told: string[];
  log: string;
}

/**
 * Reads a script's output (see `vocabulary.ts` for the other side).
 *
 * @param output stdout and stderr of the script, in order
 */
export function readAnswer(output: string): Answer {
  const answer: Answer = { notes: [], unchanged: true, fail: null, told: [], log: '' };
  const log: string[] = [];
  for (const line of output.split('\n')) {
    const [word, rest] = splitOnce(line);
    if (word === '@note') answer.notes.push(rest);
    else if (word === '@tell') answer.told.push(rest);
    else if (word === '@changed') {
      answer.notes.push(rest);
      answer.unchanged = false;
    } else if (word === '@fail') {
      const [type, text] = splitOnce(rest);
      // The first reason is the one: what follows are its consequences.
      answer.fail ??= { type, text };
    } else log.push(line);
  }
  answer.log = log.join('\n').trim();
  return answer;
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(' ');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
