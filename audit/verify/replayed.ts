import { canonical } from '../../domain/json.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import type { Files } from '../bundle/read.ts';
import { textOf } from '../bundle/parse.ts';
import { names } from '../bundle/layout.ts';
import { difference, quote, type Findings } from '../findings.ts';
import { eventTypes, payloadTexts } from '../history.ts';
import { replayHistory } from '../replay/run.ts';
import type { CapturedActivity } from '../replay/messages.ts';
import type { Run } from './runs.ts';

/**
 * Runs the workflow again over each history and compares what it produces with the ledger, byte for byte, and with the activities of the history.
 * Answers the entries as they were recomputed, in order.
 */
export async function checkReplay(
  runs: readonly Run[],
  files: Files,
  entries: readonly LedgerEntry[],
  codePath: string,
  timeoutMs: number,
  findings: Findings,
): Promise<LedgerEntry[]> {
  const recomputed = new Map<number, LedgerEntry>();
  for (const run of runs) {
    const history = textOf(files, run.file, findings);
    if (history === undefined || !run.replayable) {
      findings.add('FB5502', run.file, '', 'the history is not in a form that is replayed');
      continue;
    }
    const { activities, continued, failure } = await replayHistory(
      { codePath, workflowId: run.workflowId, history },
      timeoutMs,
    );
    if (failure !== undefined) {
      const [code, what] =
        failure.kind === 'determinism'
          ? (['FB5501', 'the workflow and the history part ways'] as const)
          : (['FB5502', 'the replay did not come to its end'] as const);
      findings.add(code, run.file, '', `${what}: ${quote(failure.message, 600)}`);
    }
    compareActivities(run, activities, findings);
    compareHandover(run, continued, findings);
    for (const { entries: carried } of activities)
      for (const entry of carried) keep(run, entry, recomputed, findings);
  }
  compareEntries(recomputed, entries, findings);
  return [...recomputed.values()].toSorted((left, right) => left.seq - right.seq);
}

/** The history in its order against the replay in its own: the two schedule the same activities one after another. */
function compareActivities(run: Run, captured: readonly CapturedActivity[], findings: Findings): void {
  const length = Math.max(run.activities.length, captured.length);
  for (let index = 0; index < length; index++) {
    const recorded = run.activities[index];
    const again = captured[index];
    if (recorded?.id === again?.id && recorded?.type === again?.type) continue;
    findings.add(
      'FB5506',
      run.file,
      recorded === undefined ? `after event ${run.events.at(-1)?.id ?? 0}` : `event ${recorded.event}`,
      'the replay schedules another activity than the history',
      {
        expected: again === undefined ? null : `${again.type} ${again.id}`,
        found: recorded === undefined ? null : `${recorded.type} ${recorded.id}`,
      },
    );
    // Everything after the first difference differs as well.
    return;
  }
}

/** What a run hands on is nowhere else compared: a replay's core looks at the kind of the command alone. */
function compareHandover(run: Run, continued: readonly string[] | undefined, findings: Findings): void {
  const last = run.events.at(-1);
  const isContinued = last?.type === eventTypes.continuedAsNew;
  const recorded = isContinued ? payloadTexts(last?.attributes['input']).join('\n') : undefined;
  const again = continued?.join('\n');
  if (recorded === again) return;
  findings.add(
    'FB5507',
    run.file,
    `event ${last?.id ?? 0}`,
    again === undefined
      ? 'the history continues as new, the replay does not'
      : recorded === undefined
        ? 'the replay continues as new, the history does not'
        : 'the replay hands on something else than the history',
    difference(again ?? '', recorded ?? ''),
  );
}

/** An entry travels with several activities, and over the end of a run: it must stay what it was first. */
function keep(run: Run, entry: LedgerEntry, recomputed: Map<number, LedgerEntry>, findings: Findings): void {
  const before = recomputed.get(entry.seq);
  if (before === undefined) recomputed.set(entry.seq, entry);
  else if (canonical(before) !== canonical(entry)) {
    findings.add(
      'FB5503',
      run.file,
      `entry ${entry.seq}`,
      'the workflow, run again, produces two entries with one number',
      difference(canonical(before), canonical(entry)),
    );
  }
}

function compareEntries(
  recomputed: ReadonlyMap<number, LedgerEntry>,
  entries: readonly LedgerEntry[],
  findings: Findings,
): void {
  const file = names.ledger;
  const stored = new Map(entries.map((entry) => [entry.seq, entry]));
  for (const [seq, entry] of stored) {
    const again = recomputed.get(seq);
    if (again === undefined) {
      findings.add('FB5504', file, `entry ${seq}`, 'the workflow, run again, does not produce this entry');
    } else if (canonical(again) !== canonical(entry)) {
      findings.add(
        'FB5503',
        file,
        `entry ${seq}`,
        'the workflow, run again, produces another entry',
        difference(canonical(again), canonical(entry)),
      );
    }
  }
  for (const seq of recomputed.keys()) {
    if (!stored.has(seq)) {
      findings.add(
        'FB5505',
        file,
        `entry ${seq}`,
        'the workflow, run again, produces an entry that the ledger lacks',
      );
    }
  }
}
