/** Whether RubyGems takes a text for a version. */
export function isVersion(text: string): boolean {
  return /^\s*([0-9]+(\.[0-9a-zA-Z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?)?\s*$/.test(text);
}

/** `Gem::Version <=> Gem::Version`: numbers by value, a letter makes a pre-release, which comes before the release. */
export function compareVersions(a: string, b: string): number {
  const left = segments(a);
  const right = segments(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const l = left[i] ?? 0;
    const r = right[i] ?? 0;
    if (l === r) continue;
    if (typeof l === 'string' && typeof r === 'number') return -1;
    if (typeof l === 'number' && typeof r === 'string') return 1;
    return l < r ? -1 : 1;
  }
  return 0;
}

function segments(version: string): (number | string)[] {
  const parts = version.trim().replaceAll('-', '.pre.').match(/[0-9]+|[a-z]+/gi) ?? [];
  const all = parts.map((part) => (/^\d/.test(part) ? Number(part) : part));
  while (all.at(-1) === 0) all.pop();
  return all;
}
