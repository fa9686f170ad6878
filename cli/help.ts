import type { Command } from 'commander';

/** A command line and what it is for. */
export type Example = readonly [line: string, purpose: string];

const written = new WeakMap<Command, readonly Example[]>();

/** Adds examples at the end of a command's help; the reference page shows them as well. */
export function examples(command: Command, lines: readonly Example[]): Command {
  written.set(command, lines);
  const text = lines.map(([line, purpose]) => `  $ ${line}\n      ${purpose}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${text}`);
}

/** The examples of a command; empty when it has none. */
export function examplesOf(command: Command): readonly Example[] {
  return written.get(command) ?? [];
}
