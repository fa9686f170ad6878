import { parseArgs, type ParseArgsConfig } from 'node:util';

/**
 * What one of the testbed's commands was called with, by `parseArgs`. `--help` prints the usage and ends the process with 0; a wrong command line is
 * named, and ends it with 2.
 */
export function commandLine<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  // Looked for first: whoever asks for help has not written the rest.
  if (process.argv.slice(2).includes('--help')) {
    process.stdout.write(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    return refuse(usage, error);
  }
}

function refuse(usage: string, error: unknown): never {
  // What follows the first sentence is about how to quote a dash.
  const [what] = (error instanceof Error ? error.message : String(error)).split('. ');
  process.stderr.write(`${what}\n\n${usage}`);
  process.exit(2);
}
