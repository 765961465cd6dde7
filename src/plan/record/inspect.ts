/** The parts of `docker inspect` that a record is made of. Everything may be missing: engines differ. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Config?: InspectedConfig & { readonly Image?: string; readonly Hostname?: string; readonly Domainname?: string; readonly Tty?: boolean; readonly OpenStdin?: boolean };
  readonly HostConfig?: Readonly<Record<string, unknown>>;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, { readonly Aliases?: readonly string[] | null }>> | null };
}

/** The same of `docker image inspect`. */
export interface InspectedImage {
  readonly Id: string;
  readonly Config?: InspectedConfig | null;
}

/** What image and container both have. */
export interface InspectedConfig {
  readonly Env?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly StopTimeout?: number | null;
  readonly Volumes?: Readonly<Record<string, unknown>> | null;
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
  readonly Healthcheck?: InspectedHealthcheck | null;
}

/** Durations in nanoseconds. */
export interface InspectedHealthcheck {
  readonly Test?: readonly string[] | null;
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly Retries?: number;
}
