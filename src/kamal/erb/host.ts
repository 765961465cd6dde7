/** What ERB code may reach outside itself. */
export interface ErbHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
}

export function projectHost(directory: string, env: Readonly<Record<string, string | undefined>>): ErbHost {
  return { directory, env };
}
