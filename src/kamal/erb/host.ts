import { expandPath, WORK_TREE, type ProjectFiles } from '../project-files.ts';
import { execute, CommandError } from '../secrets/execute.ts';

/** What a template's code may reach outside itself: the environment, files, commands. */
export interface ErbHost {
  readonly directory: string;
  /** Changed by `Dotenv.load` and `ENV[…] =`, for this template only. */
  readonly env: Map<string, string>;
  /** A file's text, null when there is none; relative to the project. */
  readFile(file: string): Promise<string | null>;
  expandPath(file: string): string;
  /** Output of a command line in `sh`, null when the command was not found. */
  run(command: string): Promise<string | null>;
}

/** The project's files and this machine's commands; `interactive` ones may talk to a person. */
export function projectHost(directory: string, env: Readonly<Record<string, string | undefined>>, interactive = false, files: ProjectFiles = WORK_TREE): ErbHost {
  const own = new Map(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const absolute = (file: string) => expandPath(directory, file, own.get('HOME'));
  return {
    directory,
    env: own,
    readFile: async (file) => (await files.read(absolute(file)))?.toString('utf8') ?? null,
    expandPath: absolute,
    run: async (command) => {
      try {
        const { code, stdout } = await execute('sh', ['-c', command], { directory, env: Object.fromEntries(own), interactive });
        return code === 127 ? null : stdout;
      } catch (error) {
        if (error instanceof CommandError) return null;
        throw error;
      }
    },
  };
}
