import type { Played } from './play.ts';
import type { Times } from './times.ts';

const columns = ['asked', 'answered', 'contained', 'evidence', 'closed'] as const satisfies (keyof Times)[];

/** The times of all rehearsals as a table for a terminal: seconds since the alert was sent. */
export function report(played: readonly Played[]): string {
  const rows = [
    ['playbook', ...columns, 'as expected'],
    ...played.map(({ playbook, times, wrong }) => [
      playbook,
      ...columns.map((name) => seconds(times[name])),
      wrong.length === 0 ? 'yes' : 'NO',
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `\n${lines.join('\n')}\n\nSeconds since the alert was sent, or the playbook was run, by the ledger's clock; – is what did not happen.\n`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : (ms / 1_000).toFixed(2);
}
