import type { StepStatus } from '../../domain/incident.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Playbook, Step } from '../../language/run/playbook.ts';

/** How a step stands, and what expressions may read of it. */
export interface StepState {
  status: StepStatus;
  why?: string;
  /** `verdict` and `outputs` for `steps.<id>`. */
  verdict: string;
  outputs: JsonObject;
}

export type Progress = ReadonlyMap<string, StepState>;

/** What the interpreter asks of its surroundings. */
export type Command = { do: 'run'; step: Step } | { do: 'skip'; step: Step; why: string };

/** What it is told. */
export type Event = {
  step: string;
  status: StepStatus;
  why?: string;
  verdict?: string;
  outputs?: JsonObject;
};

const good: readonly StepStatus[] = ['done', 'held', 'released', 'skipped', 'simulated'];
const bad: readonly StepStatus[] = ['failed', 'refused', 'denied'];

/** Every step waiting. */
export function begin(playbook: Playbook): Progress {
  return new Map(playbook.steps.map(({ id }) => [id, { status: 'waiting', verdict: '', outputs: {} }]));
}

/** The progress after an event. @throws RangeError for a step that the playbook does not have */
export function reduce(progress: Progress, event: Event): Progress {
  const before = progress.get(event.step);
  if (before === undefined) throw new RangeError(`no step ${event.step}`);
  const after: StepState = {
    status: event.status,
    verdict: event.verdict ?? before.verdict,
    outputs: event.outputs ?? before.outputs,
    ...(event.why === undefined ? {} : { why: event.why }),
  };
  return new Map(progress).set(event.step, after);
}

/**
 * What to do next, in the order the playbook is written. A step runs when all it needs ended well; one that needs a step which ended badly is
 * skipped as blocked, which blocks what needs it in turn. Pure: asked twice about the same progress, it answers the same.
 */
export function decide(playbook: Playbook, progress: Progress, stopped: string | undefined): Command[] {
  const commands: Command[] = [];
  for (const step of playbook.steps) {
    if (progress.get(step.id)?.status !== 'waiting') continue;
    if (stopped !== undefined) {
      commands.push({ do: 'skip', step, why: stopped });
      continue;
    }
    const needs = step.needs.map((id) => ({ id, state: progress.get(id) }));
    const blocker = needs.find(
      ({ state }) => state === undefined || bad.includes(state.status) || isBlocked(state),
    );
    if (blocker !== undefined) {
      commands.push({ do: 'skip', step, why: `${blockedBy}${blocker.id}` });
    } else if (needs.every(({ state }) => state !== undefined && good.includes(state.status))) {
      commands.push({ do: 'run', step });
    }
  }
  return commands;
}

const blockedBy = 'needs a step that did not end well: ';

function isBlocked(state: StepState): boolean {
  return state.status === 'skipped' && state.why?.startsWith(blockedBy) === true;
}

/** Whether no step waits or runs. */
export function settled(progress: Progress): boolean {
  return [...progress.values()].every(({ status }) => status !== 'waiting' && status !== 'running');
}

/** `steps` as expressions see it. */
export function stepsScope(progress: Progress): JsonObject {
  return Object.fromEntries(
    [...progress].map(([id, { status, verdict, outputs }]) => [id, { status, verdict, outputs }]),
  );
}
