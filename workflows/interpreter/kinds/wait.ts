import { condition } from '../../../language/run/expression.ts';
import type { ActionStep, WaitStep } from '../../../language/run/playbook.ts';
import { haltAt, scopeAt, type At } from '../frame.ts';
import { pollLeaf, tellToStop } from '../leaf.ts';
import { isBad, type End, type WaitWork } from '../tree.ts';

type Until = NonNullable<WaitStep['until']>;

/** Waits for a time, or reads until what it reads is as it should be. */
export function runWait(here: At<WaitStep>): End | undefined {
  const { run, state, step } = here;
  const work = (state.work ??= {});
  const { until } = step;
  const wait = (work.wait ??= { until: run.now + (until?.withinMs ?? step.forMs ?? 0) });
  if (until !== undefined) return read(here, until, wait);
  if (run.now >= wait.until) return { status: 'done', outputs: {} };
  return cancelled(here);
}

function read(here: At<WaitStep>, until: Until, wait: WaitWork): End | undefined {
  const { run } = here;
  if (
    wait.next !== undefined &&
    run.now >= wait.next &&
    run.now < wait.until &&
    cancelled(here) === undefined
  )
    delete wait.next;
  if (wait.next === undefined) {
    const came = oneReading(here, until, wait);
    if (came !== 'not yet') return came;
    wait.next = run.now + until.everyMs;
    run.changes += 1;
  }
  const end = cancelled(here);
  if (end !== undefined || run.now < wait.until) return end;
  return {
    status: 'failed',
    why: `it did not come true within ${until.withinMs / 1000} s; the last reading: ${wait.why ?? 'none'}`,
  };
}

/** Takes a reading; undefined while it is under way. */
function oneReading(here: At<WaitStep>, until: Until, wait: WaitWork): End | 'not yet' | undefined {
  const { run, state } = here;
  const reading = pollLeaf(here, readingStep(here.step, until));
  if (reading === undefined) {
    const leaf = state.work?.leaf;
    if (leaf !== undefined && run.now >= wait.until) tellToStop(here, leaf, 'its time is up');
    return undefined;
  }
  const { verdict = '', outputs = {} } = reading;
  if (isBad(reading.status)) wait.why = reading.why ?? `it ended as ${reading.status}`;
  else if (condition(until.condition, { ...scopeAt(here), reading: { verdict, outputs } }))
    return { status: 'done', verdict, outputs };
  else wait.why = 'the condition was false';
  return 'not yet';
}

/** A wait holds nothing that would have to be finished. */
function cancelled(here: At): End | undefined {
  const halt = haltAt(here);
  return halt === undefined || halt.kind === 'end' ? undefined : { status: 'cancelled', why: halt.why };
}

/** A reading is an action like any other, which changes nothing. */
export function readingStep({ id }: WaitStep, { uses, with: values }: Until): ActionStep {
  return { kind: 'action', id, uses, with: values, needs: [], undo: 'never' };
}
