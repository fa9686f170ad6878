import type { ActionSignature, Plan } from '../../domain/action.ts';
import { digest, isObject, jsonCopy, type JsonObject } from '../../domain/json.ts';
import { ExpressionError, render } from '../../language/run/expression.ts';
import type { Scope, Template } from '../../language/run/playbook.ts';
import { patience } from '../patience.ts';
import type { Recorder } from '../recorder.ts';

/** What is given to an action, or why it has no value. */
export function inputOf(template: Template, scope: Scope): { ok: JsonObject } | { why: string } {
  try {
    const rendered = render(template, scope);
    return isObject(rendered) ? { ok: rendered } : { why: '`with` is not a map' };
  } catch (error) {
    if (error instanceof ExpressionError) return { why: error.message };
    throw error;
  }
}

/**
 * Has an action planned, and notes what it came to.
 * @param about goes into the entry that it is planned under: its `round`, or its `phase`
 * @throws as `Recorder.run` does
 */
export async function makePlan(
  recorder: Recorder,
  step: string,
  signature: ActionSignature,
  input: JsonObject,
  about: JsonObject,
): Promise<Plan> {
  const plan = await recorder.run<Plan>(
    `${signature.name}.plan`,
    { incident: recorder.incident, step, input },
    patience.verb(signature.timing, 'plan'),
    { kind: 'step.planning', data: { step, action: signature.name, input, ...about } },
  );
  recorder.note('step.planned', {
    step,
    plan: digest(plan),
    full: plan.full.digest,
    snapshot: plan.snapshot.digest,
    authority: jsonCopy(plan.authority),
    facts: jsonCopy(plan.facts),
    changes: plan.changeCount,
    notCovered: plan.notCovered.map(({ code, text, count }) => ({ code, text, count: count ?? 0 })),
  });
  return plan;
}
