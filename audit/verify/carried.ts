import { canonical } from '../../domain/json.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import type { Seal } from '../../workflows/contract.ts';
import { names } from '../bundle/layout.ts';
import { difference, type Findings } from '../findings.ts';
import { parseActivityId } from '../history.ts';
import type { Run } from './runs.ts';

/** The name of the activity that closes the chain. */
const sealing = 'ledger.seal';

/** What the activities of the history carry, against the ledger and against their own ids. No workflow code is run. */
export function checkCarried(
  runs: readonly Run[],
  entries: readonly LedgerEntry[],
  seal: Seal | undefined,
  findings: Findings,
): void {
  const ledger = new Map(entries.map((entry) => [entry.seq, canonical(entry)]));
  const carried = new Set<number>();
  for (const { file, activities } of runs) {
    for (const activity of activities) {
      const at = `event ${activity.event}`;
      const last = activity.entries.at(-1);
      const id = parseActivityId(activity.id);
      if (id === undefined) {
        findings.add('FB5404', file, at, 'the activity id names no ledger entry', { found: activity.id });
      } else if (id.seq !== last?.seq || id.hash !== last.hash || !activity.type.endsWith(`.${id.verb}`)) {
        findings.add(
          'FB5405',
          file,
          at,
          `the id of ${activity.type} does not name the last entry that it carries`,
          {
            expected: `${activity.type.slice(activity.type.lastIndexOf('.') + 1)}/${last?.seq ?? 0}/${last?.hash ?? ''}`,
            found: activity.id,
          },
        );
      }
      for (const entry of activity.entries) {
        const kept = ledger.get(entry.seq);
        carried.add(entry.seq);
        const own = safely(entry);
        if (kept === own) continue;
        findings.add(
          'FB5406',
          file,
          `${at}, entry ${entry.seq}`,
          kept === undefined
            ? 'the ledger has no such entry'
            : 'the history carries another entry than the ledger',
          difference(kept ?? '', own),
        );
      }
    }
  }
  for (const { seq } of entries) {
    if (!carried.has(seq))
      findings.add('FB5407', names.ledger, `entry ${seq}`, 'no activity of the history carries this entry');
  }
  checkSealing(runs, seal, findings);
}

function checkSealing(runs: readonly Run[], seal: Seal | undefined, findings: Findings): void {
  const run = runs.at(-1);
  if (run === undefined) return;
  const last = run.activities.at(-1);
  for (const { file, activities } of runs) {
    for (const activity of activities) {
      if (activity.type !== sealing || activity === last) continue;
      findings.add('FB5408', file, `event ${activity.event}`, 'the ledger was sealed before its end');
    }
  }
  const at = `event ${last?.event ?? 0}`;
  if (last?.type !== sealing) {
    findings.add('FB5408', run.file, at, 'the last activity does not seal the ledger', {
      expected: sealing,
      found: last?.type,
    });
    return;
  }
  if (seal === undefined) return;
  const entry = last.entries.at(-1);
  const { incident, outcome } = last.input;
  const expected = canonical({
    incident: seal.incident,
    head: seal.head,
    count: seal.count,
    outcome: seal.outcome,
  });
  const found = safely({ incident, head: entry?.hash, count: entry?.seq, outcome });
  if (expected !== found) {
    findings.add(
      'FB5408',
      run.file,
      at,
      'what the workflow asked to be sealed is not what the seal says',
      difference(expected, found),
    );
  }
}

/** The canonical text of something that a history carries; a value without one equals nothing in the ledger. */
function safely(value: unknown): string {
  try {
    return canonical(value);
  } catch {
    // A lone surrogate in a payload: shown as it can be, and a finding because it is not equal.
    return JSON.stringify(value) ?? '';
  }
}
