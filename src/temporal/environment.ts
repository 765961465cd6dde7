/** An environment as Node gives it: names to values, absent ones undefined. */
export type Environment = Record<string, string | undefined>;

/**
 * What a detached process of ours needs to find its files and programs, and
 * nothing else: whatever stands in the environment of a process that lives for
 * weeks can be read in `/proc/<pid>/environ` for as long.
 */
const NEEDED = new Set([
  'PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR',
  'XDG_STATE_HOME', 'XDG_RUNTIME_DIR', 'XDG_CACHE_HOME',
  'BACTRIAN_STATE_DIR', 'BACTRIAN_TEMPORAL_CLI', 'BACTRIAN_LAB_CACHE',
]);

/** The part of `env` that a background process is started with; secrets, tokens and the rest are left out. */
export function minimalEnvironment(env: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (NEEDED.has(name) || name.startsWith('LC_'))) kept[name] = value;
  }
  return kept;
}

/** `env` without its absent names, as libraries want it. */
export function definedOnly(env: Environment): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined) defined[name] = value;
  }
  return defined;
}
