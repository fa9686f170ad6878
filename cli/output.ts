import { styleText } from 'node:util';
import { Help } from 'commander';
import { oneLine } from '../domain/safe-text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Columns that output for people keeps to: half a screen, at three in the morning. */
const columns = 80;

/** Text of others as one harmless line: terminal controls and characters that reorder are spelt out. */
export function safe(text: unknown, max = 400): string {
  return oneLine(String(text), max);
}

/** Coloured when standard output is a terminal and NO_COLOR is not set. */
export function paint(style: Style | Style[], text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Wraps a text at `columns`, every line after `indent`; the first after `lead`, which is no longer than `indent`. */
export function paragraph(text: string, indent = '', lead = indent): string {
  const wrapped = new Help().boxWrap(text, columns - indent.length);
  return wrapped
    .split('\n')
    .map((line, index) => `${index === 0 ? lead : indent}${line}`.trimEnd())
    .join('\n');
}

/** Rows under their headings, two spaces apart; the last column is as long as it is. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [paint('dim', line(headings)), ...rows.map(line)].join('\n');
}

/** JSON whose text cannot act on a terminal either: what JSON leaves as it is, controls and reordering characters, is escaped. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => escapeUnit(character.charCodeAt(at))).join(''),
  );
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** Prints data on standard output: as JSON when that was asked for, else as `render` words it for people. */
export function print(options: { json?: boolean }, value: unknown, render: () => string): void {
  const text = options.json === true ? jsonText(value) : render();
  process.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
}

/** Says on standard error what is going on. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
