import type { Step, StepCommon, StepKind } from '../../run/playbook.ts';
import { milliseconds } from '../duration.ts';
import type { Finding, Path } from '../problem.ts';
import { guarded } from '../guards.ts';
import { failureShape, type View } from '../scope-shape.ts';
import type { Session } from '../session.ts';
import { kindOf } from '../source/kinds.ts';
import type { SourceStep } from '../source/step.ts';
import type { Shape } from '../value-shape.ts';
import { makeAction } from './action.ts';
import { makeApprove } from './approve.ts';
import { makeAsk } from './ask.ts';
import { makeEnd, makeFail } from './end.ts';
import { makeForeach } from './foreach.ts';
import type { Made, MakeStep, Saying } from './made.ts';
import { makeParallel } from './parallel.ts';
import { makePlaybook } from './playbook.ts';
import { makeSet } from './set.ts';
import { makeSwitch } from './switch.ts';
import { makeWait } from './wait.ts';
import { makeWhile } from './while.ts';

/** A step, compiled, and what is seen of it once it has ended. */
export interface CompiledStep {
  step: Step;
  seen: ReadonlyMap<string, Shape>;
  irreversible: string | undefined;
}

const makers: { [kind in StepKind]: MakeStep } = {
  action: maker(['uses'], makeAction),
  playbook: maker(['playbook'], makePlaybook),
  parallel: maker(['parallel'], makeParallel),
  foreach: maker(['foreach', 'max-items', 'steps'], makeForeach),
  switch: maker(['switch', 'cases'], makeSwitch),
  while: maker(['while', 'max-rounds', 'steps'], makeWhile),
  wait: maker(['wait'], makeWait),
  approve: maker(['approve'], makeApprove),
  ask: maker(['ask'], makeAsk),
  set: maker(['set'], makeSet),
  fail: maker(['fail'], makeFail),
  end: maker(['end'], makeEnd),
};

function maker<K extends keyof SourceStep>(keys: readonly K[], make: MakeStep<K>): MakeStep {
  return (session, step, path, view) => {
    // The shape of the file was checked before.
    if (!says(step, keys)) throw new TypeError(`the step ${step.id} lacks one of ${keys.join(', ')}`);
    return make(session, step, path, view);
  };
}

function says<K extends keyof SourceStep>(step: SourceStep, keys: readonly K[]): step is Saying<K> {
  return keys.every((key) => step[key] !== undefined);
}

/** Compiles a step of any kind. @param view what the step itself sees */
export function compileStep(
  session: Session,
  step: SourceStep,
  path: Path,
  needs: string[],
  view: View,
): CompiledStep {
  session.repeats = Math.max(session.repeats, view.repeats);
  const { if: text } = step;
  const condition =
    text === undefined ? undefined : session.expressions.condition(text, [...path, 'if'], view);
  const within = guarded(view, condition);
  const made = makers[kindOf(step)](session, step, path, within);
  const { common, irreversible } = commonKeys(session, step, path, needs, within);
  if (condition !== undefined) common.if = condition;
  session.findings.push(...retryFindings(step, path, made));
  return {
    step: { ...common, ...made.body },
    seen: new Map([[step.id, made.outputs], ...(made.inner ?? [])]),
    irreversible: made.irreversible ?? irreversible,
  };
}

function commonKeys(
  session: Session,
  step: SourceStep,
  path: Path,
  needs: string[],
  view: View,
): { common: StepCommon; irreversible: string | undefined } {
  const { id, timeout, retry, 'on-failure': after } = step;
  const failed = { ...view, names: { ...view.names, failure: failureShape } };
  const list = after === undefined ? undefined : session.compileList(after, [...path, 'on-failure'], failed);
  const common: StepCommon = { id, needs };
  if (timeout !== undefined) common.timeoutMs = milliseconds(timeout) ?? 0;
  if (retry !== undefined)
    common.retry = {
      attempts: retry.attempts,
      delayMs: milliseconds(retry.delay ?? '10s') ?? 0,
      backoff: retry.backoff ?? 2,
    };
  if (step['continue-on-error'] === true) common.continueOnError = true;
  if (list !== undefined) common.onFailure = list.steps;
  return { common, irreversible: list?.irreversible };
}

/** A retry begins all of a step again, and what cannot be undone must not be done twice by a machine's own decision. */
function retryFindings(step: SourceStep, path: Path, { irreversible }: Made): Finding[] {
  if (step.retry === undefined || irreversible === undefined) return [];
  return [
    {
      code: 'FB2054',
      path: [...path, 'retry'],
      atKey: true,
      message: `${irreversible} cannot be undone, and must not be tried again by itself`,
      fix: 'remove retry, or put it on steps that can be undone',
    },
  ];
}
