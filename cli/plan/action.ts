import type { Action, ActionContext, Effect, Plan } from '../../domain/action.ts';
import type { Severity } from '../../domain/alert.ts';
import type { Mode } from '../../domain/decision.ts';
import { effectiveMode, refusals, type Refusal } from '../../domain/guardrails.ts';
import type { Json } from '../../domain/json.ts';
import type { Configuration } from '../../worker/config/load.ts';

/** No incident has this id: it is on no object and in no ledger. */
export const planIncident = 'inc-0000000000000000-aaaaaa';

/** What an action would do now, or why that cannot be said. */
export interface PlannedAction {
  action: string;
  effect: Effect;
  /** What the guardrails say to the plan; empty when it may be carried out. */
  refusals: Refusal[];
  /** The mode it would run in once the guardrails have judged. */
  mode?: Mode;
  plan?: Plan;
  error?: string;
}

/** What plans are made with and judged by. */
export interface Planning {
  evidence: ActionContext['evidence'];
  guardrails: Configuration['guardrails'];
  mode: Mode;
  severity: Severity;
}

/** Calls an action's `plan`, which reads only. Whatever goes wrong is the answer's `error`. */
export async function planAction(
  action: Action,
  step: string,
  wanted: Json,
  { evidence, guardrails, mode, severity }: Planning,
): Promise<PlannedAction> {
  const { name, effect } = action;
  const planned: PlannedAction = { action: name, effect, refusals: [] };
  const input = action.input.safeParse(wanted);
  if (!input.success) {
    const [issue] = input.error.issues;
    return { ...planned, error: `with.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}` };
  }
  const context = readOnly(evidence, AbortSignal.timeout(action.timing.planMs));
  try {
    const plan = await action.plan(context, { incident: planIncident, step, input: input.data });
    return {
      ...planned,
      plan,
      refusals: refusals(guardrails, effect, plan.facts),
      mode: effectiveMode(guardrails, mode, severity, effect, plan.facts),
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { ...planned, error: error.message };
  }
}

function readOnly(evidence: ActionContext['evidence'], signal: AbortSignal): ActionContext {
  const checkpoint = () => {
    signal.throwIfAborted();
    return Promise.resolve();
  };
  return {
    evidence,
    signal,
    now: () => new Date(),
    checkpoint,
    beforeWrite: (name) => Promise.reject(new TypeError(`a plan tried to write at ${name}`)),
    intend: (name) => Promise.reject(new TypeError(`a plan tried to write at ${name}`)),
  };
}
