import { oneLine } from '../domain/safe-text.ts';

/**
 * Text from outside as one line of GitHub-flavoured Markdown that renders as that very text. Not for the beginning of a line, where digits and
 * dashes would mean something.
 */
export function markdown(text: string): string {
  return (
    oneLine(text, 600)
      .replaceAll(/[\\`*_[\]<>&#|~@$^]/g, String.raw`\$&`)
      // Bare addresses become links without any mark-up.
      .replaceAll(/:(?=\/\/)|(?<=www)\./gi, String.raw`\$&`)
  );
}
