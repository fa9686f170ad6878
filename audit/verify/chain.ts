import { canonical } from '../../domain/json.ts';
import type { Seal } from '../../workflows/contract.ts';
import { difference, type Findings } from '../findings.ts';
import { eventTypes, object, payloadTexts, text } from '../history.ts';
import type { Run } from './runs.ts';

/**
 * Runs from the first to the last: one incident that was continued as new, each run with what the one before handed on. A chain that is broken is a finding, and
 * then the order is the files'.
 */
export function inOrder(runs: Run[], seal: Seal | undefined, findings: Findings): Run[] {
  const ordered: Run[] = [];
  let next = runs.find(({ continues }) => continues === '');
  while (next !== undefined && !ordered.includes(next)) {
    ordered.push(next);
    const { run } = next;
    next = runs.find(({ continues }) => continues === run);
  }
  for (const run of runs) checkPredecessor(run, runs, findings);
  if (ordered.length !== runs.length) {
    findings.add(
      'FB5409',
      'history-<run>.json',
      '',
      `${runs.length} runs, of which ${ordered.length} follow from the first`,
    );
    return runs;
  }
  const [first] = ordered;
  const last = ordered.at(-1);
  if (first !== undefined && 'carried' in first.input) {
    findings.add(
      'FB5409',
      first.file,
      'event 1',
      'the first run begins with what a run before it handed on, and there is none',
    );
  }
  if (last !== undefined && isContinued(last)) {
    findings.add(
      'FB5409',
      last.file,
      '',
      'the run was continued as new, and what follows is not in the bundle',
    );
  }
  for (const [index, run] of ordered.entries()) {
    const before = ordered[index - 1];
    if (before !== undefined && first !== undefined) checkHandover(first, before, run, findings);
  }
  if (
    seal !== undefined &&
    last !== undefined &&
    (seal.runId !== last.run || seal.workflowId !== last.workflowId)
  ) {
    findings.add('FB5411', last.file, '', 'the ledger was sealed by another run', {
      expected: `${seal.workflowId} ${seal.runId}`,
      found: `${last.workflowId} ${last.run}`,
    });
  }
  return ordered;
}

/** A run that continues another says which: without that one, nothing vouches for what it began with. */
function checkPredecessor({ continues, file }: Run, runs: readonly Run[], findings: Findings): void {
  if (continues === '' || runs.some(({ run }) => run === continues)) return;
  findings.add('FB5409', file, 'event 1', 'the run that this one continues is not in the bundle', {
    expected: continues,
  });
}

/** Two runs that follow each other: what the one handed on is, to the byte, what the other began with. */
function checkHandover(first: Run, before: Run, run: Run, findings: Findings): void {
  const { file } = run;
  const at = 'event 1';
  if (!isContinued(before)) {
    findings.add('FB5409', before.file, '', 'a run follows this one, which was not continued');
    return;
  }
  const end = before.events.at(-1);
  const ended = end?.attributes ?? {};
  const started = run.events[0]?.attributes ?? {};
  if (text(ended['newExecutionRunId']) !== run.run) {
    findings.add('FB5409', before.file, `event ${end?.id ?? 0}`, 'the run was continued by another one', {
      expected: ended['newExecutionRunId'],
      found: run.run,
    });
  }
  if (text(started['firstExecutionRunId']) !== first.run) {
    findings.add('FB5409', file, at, 'the run names another first run', {
      expected: first.run,
      found: started['firstExecutionRunId'],
    });
  }
  if (run.workflowId !== first.workflowId) {
    findings.add('FB5411', file, at, 'the runs of one incident have different workflow ids', {
      expected: first.workflowId,
      found: run.workflowId,
    });
  }
  if (canonical(ended['input'] ?? null) !== canonical(started['input'] ?? null)) {
    findings.add(
      'FB5412',
      file,
      at,
      'the run began with something else than the one before handed on',
      difference(payloadTexts(ended['input']).join('\n'), payloadTexts(started['input']).join('\n')),
    );
  }
  const opened = canonical(withoutCarried(first));
  const continued = canonical(withoutCarried(run));
  if (opened !== continued) {
    findings.add(
      'FB5412',
      file,
      at,
      'more than what is carried differs from the input of the first run',
      difference(opened, continued),
    );
  }
}

/** What an incident was opened with: no run may change it. */
function withoutCarried({ input }: Run) {
  const { carried: _, ...opened } = object(input);
  return opened;
}

function isContinued({ events }: Run): boolean {
  return events.at(-1)?.type === eventTypes.continuedAsNew;
}
