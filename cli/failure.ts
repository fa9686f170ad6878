import { CommanderError } from 'commander';
import { FirebreakError } from '../domain/errors.ts';

/** What the command ends with; scripts rely on it (docs/reference/cli.md). */
export const exitCodes = {
  ok: 0,
  /** It was done and found something wrong, or it failed. */
  failed: 1,
  /** The command line, or the configuration it needs, is wrong. */
  usage: 2,
  /** The gateway or a guardrail said no. */
  refused: 3,
  /** The gateway, or what stands behind it, did not answer. */
  unreachable: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure with the exit code it asks for. */
export class CliError extends FirebreakError {
  readonly exit: ExitCode;

  constructor(code: string, exit: keyof typeof exitCodes, message: string, cause?: unknown) {
    super(code, message, {}, cause);
    this.exit = exitCodes[exit];
  }
}

/** FB6101: the command line asks for something that cannot be. */
export function usage(message: string): CliError {
  return new CliError('FB6101', 'usage', message);
}

/** The exit code that an error asks for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exit;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof FirebreakError && /^FB(?:60\d\d|160\d)$/.test(error.code)) return exitCodes.usage;
  return exitCodes.failed;
}
