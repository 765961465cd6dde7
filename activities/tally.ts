/** What became of a request: answered, lost, or not known (our own side was away). */
export type Fate = 'answered' | 'lost' | 'unknown';

/** Figures of a series of requests. All times in milliseconds. */
export interface Figures {
  sent: number;
  lost: number;
  longestGapMs: number;
  unwatchedMs: number;
}

/**
 * Counts requests that overlap: they are sent in order, but end in any. A gap lasts from the moment in which the first
 * lost request was sent to the one in which the next answered request was.
 */
export class Tally {
  readonly #figures: Figures;
  /** In the order in which they were sent; the front is always one whose end is not known yet. */
  readonly #open: { at: number; fate: Fate | null }[] = [];
  #gapSince: number | null = null;

  /** @param before what an earlier attempt has counted */
  constructor(before: Partial<Figures> = {}) {
    this.#figures = { sent: 0, lost: 0, longestGapMs: 0, unwatchedMs: 0, ...before };
  }

  /** How many requests are under way. */
  get underWay(): number {
    return this.#open.filter(({ fate }) => fate === null).length;
  }

  /**
   * Counts a request that is sent.
   * @param at now
   * @returns to be called with what became of it
   */
  send(at: number): (fate: Fate) => void {
    const request: { at: number; fate: Fate | null } = { at, fate: null };
    this.#open.push(request);
    return (fate) => {
      request.fate ??= fate;
      this.#settle();
    };
  }

  /** Nothing was sent for so long: what happened then is not known. */
  unwatched(ms: number): void {
    this.#figures.unwatchedMs += Math.round(ms);
  }

  /** The figures as they are now; a gap that is still open lasts until `now`. */
  figures(now: number): Figures {
    const open = this.#gapSince === null ? 0 : now - this.#gapSince;
    return { ...this.#figures, longestGapMs: Math.round(Math.max(this.#figures.longestGapMs, open)) };
  }

  #settle(): void {
    for (let [first] = this.#open; first?.fate != null; [first] = this.#open) {
      this.#open.shift();
      if (first.fate === 'unknown') continue;
      this.#figures.sent += 1;
      if (first.fate === 'lost') {
        this.#figures.lost += 1;
        this.#gapSince ??= first.at;
      } else if (this.#gapSince !== null) {
        this.#figures.longestGapMs = Math.max(this.#figures.longestGapMs, Math.round(first.at - this.#gapSince));
        this.#gapSince = null;
      }
    }
  }
}
