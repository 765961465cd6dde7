/** What became of one stream of requests: one host and route, at one rate. Times in milliseconds. */
export interface StreamSummary {
  name: string;
  sent: number;
  good: number;
  /** Any answer but 200 with the expected beginning, an error, or none in time. */
  lost: number;
  /** Why requests were lost, and how many for each reason: `HTTP 502`, `ECONNREFUSED`, `no answer in 5 s`, … */
  reasons: Record<string, number>;
  /** The first losses: when in the load, how long after they were sent, and why. */
  losses: { atMs: number; afterMs: number; reason: string }[];
  /** The longest time without a good answer, the beginning and the end of the load included. */
  outage: number;
  /** The longest times without a good answer that were worth a word: when each began, and how long it was. */
  gaps: { atMs: number; ms: number }[];
  /** How long good answers took. */
  median: number;
  p99: number;
  slowest: number;
  /**
   * How often a kept-alive connection was closed, idle, just as it was used again. Such a request was never begun on and is
   * sent anew, as browsers do; what becomes of it then counts.
   */
  closedIdle: number;
  /** Good answers by their first two words, which name the app's version. */
  answers: Record<string, number>;
}

const mostLosses = 10;
const leastGapMs = 100;

/** Counts one stream. Times are given, not read, so that it can be tried without waiting. */
export class LoadMeter {
  readonly #name: string;
  readonly #took: number[] = [];
  readonly #reasons = new Map<string, number>();
  readonly #losses: StreamSummary['losses'] = [];
  readonly #startedAt: number;
  readonly #answers = new Map<string, number>();
  #sent = 0;
  #lost = 0;
  #closedIdle = 0;
  #lastGood: number;
  #outage = 0;
  #gaps: StreamSummary['gaps'] = [];

  /** @param startedAt when the load begins, in milliseconds of any clock that all calls share */
  constructor(name: string, startedAt: number) {
    this.#name = name;
    this.#lastGood = startedAt;
    this.#startedAt = startedAt;
  }

  sent(): void {
    this.#sent++;
  }

  closedIdle(): void {
    this.#closedIdle++;
  }

  good(sentAt: number, now: number, body: string): void {
    this.#took.push(now - sentAt);
    count(this.#answers, body.split(/\s/).slice(0, 2).join(' '));
    this.#outage = Math.max(this.#outage, now - this.#lastGood);
    this.#noteGap(now);
    this.#lastGood = Math.max(this.#lastGood, now);
  }

  lost(reason: string, sentAt: number, now: number): void {
    this.#lost++;
    if (this.#losses.length < mostLosses) this.#losses.push({ atMs: Math.round(now - this.#startedAt), afterMs: Math.round(now - sentAt), reason });
    count(this.#reasons, reason);
  }

  #noteGap(now: number): void {
    const ms = Math.round(now - this.#lastGood);
    if (ms < leastGapMs) return;
    this.#gaps.push({ atMs: Math.round(this.#lastGood - this.#startedAt), ms });
    this.#gaps = this.#gaps.sort((a, b) => b.ms - a.ms).slice(0, mostLosses);
  }

  /** @param endedAt when the last request was sent */
  summary(endedAt: number): StreamSummary {
    this.#noteGap(endedAt);
    const took = this.#took.toSorted((a, b) => a - b);
    const at = (share: number): number => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0);
    return {
      name: this.#name,
      sent: this.#sent,
      good: took.length,
      lost: this.#lost,
      reasons: Object.fromEntries(this.#reasons),
      losses: this.#losses,
      outage: Math.round(Math.max(this.#outage, endedAt - this.#lastGood)),
      gaps: this.#gaps,
      median: at(0.5),
      p99: at(0.99),
      slowest: at(1),
      closedIdle: this.#closedIdle,
      answers: Object.fromEntries(this.#answers),
    };
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
