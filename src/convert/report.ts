const GUIDE = 'https://kamal-deploy.org/docs/upgrading';

/** Sections of Kamal's upgrade guide, and of its reference where the guide says nothing. */
export const GUIDE_SECTIONS = {
  builder: `${GUIDE}/configuration-changes/#builder`,
  proxy: `${GUIDE}/configuration-changes/#traefik-to-proxy`,
  healthcheck: `${GUIDE}/configuration-changes/#healthchecks`,
  secrets: `${GUIDE}/secrets-changes/`,
  interpolation: `${GUIDE}/secrets-changes/#interpolating-secrets`,
  erb: `${GUIDE}/secrets-changes/#environment-variables-in-deployyml`,
  network: `${GUIDE}/network-changes/`,
  traefik: `${GUIDE}/continuing-to-use-traefik/`,
  overview: `${GUIDE}/overview/`,
  hooks: 'https://kamal-deploy.org/docs/hooks/overview/',
} as const;
export type GuideSection = keyof typeof GUIDE_SECTIONS;

/** Where something stands; line null for what stands nowhere. */
export interface Place {
  readonly file: string;
  readonly line: number | null;
}

/** What the conversion changes. */
export interface Change extends Place {
  readonly what: string;
  readonly why: string;
  /** Address of the guide's section. */
  readonly guide: string;
}

/**
 * What the conversion leaves to a person. `lost`: it did something in Kamal 1 that the converted project doesn't do.
 * `note`: it may matter to somebody.
 */
export interface Remainder extends Place {
  readonly weight: 'lost' | 'note';
  readonly what: string;
  readonly todo: string;
  /** The converted project deliberately isn't what the guide's text alone would give: words that show in the difference. */
  readonly differs?: readonly string[];
}

/** Collects what there is to say, each thing once. */
export class Report {
  readonly #reveal: (text: string) => string;
  readonly changes: Change[] = [];
  readonly remainders: Remainder[] = [];

  /** @param reveal puts ERB back into what is said */
  constructor(reveal: (text: string) => string) {
    this.#reveal = reveal;
  }

  change(place: Place, said: string, why: string, guide: GuideSection): void {
    const what = this.#reveal(said);
    const known = this.changes.some((other) => other.file === place.file && other.line === place.line && other.what === what);
    if (!known) this.changes.push({ ...place, what, why, guide: GUIDE_SECTIONS[guide] });
  }

  lost(place: Place, what: string, todo: string): void {
    this.#remain({ ...place, weight: 'lost', what, todo });
  }

  note(place: Place, what: string, todo: string, differs?: readonly string[]): void {
    this.#remain({ ...place, weight: 'note', what, todo, ...(differs ? { differs } : {}) });
  }

  #remain(said: Remainder): void {
    const remainder = { ...said, what: this.#reveal(said.what), todo: this.#reveal(said.todo) };
    const known = this.remainders.some(({ file, line, what }) => file === remainder.file && line === remainder.line && what === remainder.what);
    if (!known) this.remainders.push(remainder);
  }
}
