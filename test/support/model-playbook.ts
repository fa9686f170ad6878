import type { Approval } from '../../domain/person.ts';
import { walkSteps, type Playbook, type Step } from '../../language/run/playbook.ts';
import { readingName } from './model-world.ts';

const hour = 3_600_000;

/** Longer than any run of the model: nobody's time is up before the test says so. */
export const patience = 3_000 * hour;
const patient: Approval = { from: ['responders'], count: 1, withinMs: patience, otherwise: 'deny' };

/**
 * Makes a playbook one that the model can steer: every action is asked about first, every reading is the world's to hold up, and its times are hours that differ
 * from each other, to be skipped, or, `untimed`, no time at all. A `chain` of runs has no readings: while one is under way, a run that is about to hand on
 * begins nothing else, and when that is nobody outside can tell.
 */
export function steerable(
  playbook: Playbook,
  { untimed, chain }: { untimed: boolean; chain: boolean },
): Playbook {
  const copy = structuredClone(playbook);
  let times = 0;
  const time = () => {
    times += 1;
    return untimed ? 0 : hour + times * 127_000;
  };
  for (const { step } of walkSteps(copy)) {
    if (chain && step.kind === 'wait') {
      delete step.until;
      step.forMs = 0;
    }
    steer(step, time, untimed);
  }
  const reading = Object.values(copy.actions)[0];
  if (reading === undefined) throw new RangeError('a playbook without any action: the model needs one');
  copy.actions = {
    ...copy.actions,
    [readingName]: { ...reading, name: readingName, effect: 'read', holds: false },
  };
  return copy;
}

function steer(step: Step, time: () => number, untimed: boolean): void {
  if (untimed) delete step.timeoutMs;
  else if (step.timeoutMs !== undefined) step.timeoutMs = 3 * time();
  if (step.retry !== undefined) step.retry = { ...step.retry, delayMs: time(), backoff: 1 };
  switch (step.kind) {
    case 'action':
      step.approve = patient;
      delete step.hold;
      return;
    case 'approve':
      step.approve = patient;
      return;
    case 'ask':
      step.from = patient.from;
      step.withinMs = patient.withinMs;
      return;
    case 'while':
      step.delayMs = time();
      return;
    case 'wait':
      if (step.forMs !== undefined) step.forMs = time();
      if (step.until !== undefined) {
        const everyMs = time();
        const withinMs = untimed ? patient.withinMs : 3 * everyMs + 60_000;
        step.until = { ...step.until, uses: readingName, everyMs, withinMs };
      }
  }
}
