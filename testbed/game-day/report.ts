import type { Played } from './play.ts';
import type { Searched } from './leftovers.ts';
import type { Times } from './times.ts';

const columns = ['asked', 'answered', 'contained', 'evidence', 'closed'] as const satisfies (keyof Times)[];

/** The times of all rehearsals as a table for a terminal: seconds since the alert was sent. */
export function report(played: readonly Played[], searched: Searched): string {
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
  return `\n${lines.join('\n')}\n\nSeconds since the alert was sent, or the playbook was run, by the ledger's clock; – is what did not happen.\n${[...played.flatMap(leaksOf), searchedLine(searched)].join('\n')}\n`;
}

function leaksOf({ playbook, leaks, pushed }: Played): string[] {
  return [
    ...leaks.map(
      ({ what, refusedMs, provenMs, verdict = 'not proven' }) =>
        `${playbook}: ${what}: refused ${seconds(refusedMs)} s after its first use by a thief, ${verdict} by Firebreak after ${seconds(provenMs)} s`,
    ),
    ...(pushed === undefined
      ? []
      : [
          `${playbook}: ${pushed.digests} images pushed with it: all listed ${seconds(pushed.listedMs)} s after the alert`,
        ]),
  ];
}

function searchedLine({ secrets, found, blind }: Searched): string {
  const where = found.map(({ place, secret }) => `${secret} in ${place}`);
  return [
    `${secrets} secrets looked for in histories, heartbeats, ledger, evidence, logs, Slack messages, configuration: ${where.length === 0 ? 'none found' : `FOUND ${where.join('; ')}`}`,
    ...(blind.length === 0 ? [] : [`THE SEARCH SAW NOTHING in ${blind.join(', ')}`]),
  ].join('\n');
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : (ms / 1_000).toFixed(2);
}
