import { quote } from 'shlex';
import type { ExecResult, SshConnection } from './types.ts';

export interface Upload {
  /** Path on the host; a relative one starts at the login directory. Its directory must exist. */
  path: string;
  content: string | Buffer;
  /** Permission bits, e.g. 0o600. */
  mode: number;
  signal?: AbortSignal;
}

/** What a host's shell said when it couldn't write a file. */
export class UploadError extends Error {
  override name = 'UploadError';
}

/**
 * Writes a file on a host: it appears under its name whole and with its mode,
 * or not at all. The content travels over stdin, so no process list shows it,
 * and is counted before the file takes its place: a connection that dies half-way
 * looks to the host like the end of the content.
 * @throws SshError; UploadError when the host can't write it
 */
export async function upload(connection: SshConnection, { path, content, mode, signal }: Upload): Promise<void> {
  const data = Buffer.from(content);
  const target = quote(path.startsWith('-') ? `./${path}` : path);
  const script = [
    'umask 077',
    `new=$(mktemp ${target}.XXXXXX)`,
    `trap 'rm -f "$new"' EXIT`,
    'cat > "$new"',
    `test "$(wc -c < "$new")" -eq ${data.length}`,
    `chmod ${(mode & 0o7777).toString(8)} "$new"`,
    `mv -f "$new" ${target}`,
  ].join(' && ');
  const result: ExecResult = await connection.exec(`sh -c ${quote(script)}`, { stdin: data, signal });
  if (result.code !== 0) {
    const said = result.stderr.trim() || `exit status ${result.code ?? result.signal}`;
    throw new UploadError(`${connection.host}: can't write ${path}: ${said}`);
  }
}
