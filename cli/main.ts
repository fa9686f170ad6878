import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { FirebreakError } from '../domain/errors.ts';
import { redact } from '../domain/redaction.ts';
import { redactCrashes } from './crash.ts';
import { exitCodeOf } from './failure.ts';
import { jsonText, safe } from './output.ts';
import { createProgram } from './program.ts';

/** Runs the command line `argv` and leaves its exit code in `process.exitCode`. Never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  redactCrashes();
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  const program = createProgram();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has said it already.
    if (error instanceof CommanderError) return;
    report(error, program.opts()['json'] === true);
  }
}

function report(error: unknown, json: boolean): void {
  const known = error instanceof FirebreakError;
  const message = redact(error instanceof Error ? error.message : String(error));
  if (json) {
    const code = known ? error.code : 'FB6100';
    process.stderr.write(`${jsonText({ error: { code, message, exit: process.exitCode } })}\n`);
    return;
  }
  const lines = message.split('\n').map((line) => safe(line, 2_000));
  const label = styleText('red', 'firebreak:', { stream: process.stderr });
  process.stderr.write(`${label} ${known ? '' : 'FB6100: unexpected: '}${lines.join('\n')}\n`);
  if (!known && process.env['FIREBREAK_DEBUG'] !== undefined && error instanceof Error) {
    process.stderr.write(`${redact(error.stack ?? '')}\n`);
  }
}
