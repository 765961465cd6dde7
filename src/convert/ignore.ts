const PATTERN = '/.kamal/secrets*';

/** Whether an ignore file speaks of the secrets files, or of the folder that they are in. */
export function ignoresSecrets(text: string): boolean {
  return text.split('\n').some((line) => /^\/?\.kamal(?:\/|\/?\*\*?|\/secrets[.*-]*\*?)?$/.test(line.trim()));
}

/** The ignore file with the secrets files in it. */
export function withSecretsIgnored(text: string): string {
  const end = text === '' || text.endsWith('\n') ? '' : '\n';
  return `${text}${end}${PATTERN}\n`;
}
