import type { Action, ActionContext } from '../../domain/action.ts';
import { typed } from '../failure.ts';
import { nothingToUndo } from '../kubernetes/nothing-to-undo.ts';
import { connectPrometheus, type Prometheus } from './prometheus.ts';
import { applyCheck, timeWanted } from './slo-check/apply.ts';
import { input, notCovered, outputs, permissions, type SloCheckInput } from './slo-check/contract.ts';
import { timeOf } from './slo-check/measure.ts';
import { planCheck } from './slo-check/plan.ts';
import { questionsOf, type Questions } from './slo-check/questions.ts';
import { verifyCheck } from './slo-check/verify.ts';
import type { MetricsConfig, MetricsRegistry } from './sources.ts';

const name = 'slo.check';

/** Holds what a Prometheus says of a service against objectives and an earlier check. Whatever cannot be relied on is a failure. */
export function sloCheck({ metrics }: { metrics: MetricsRegistry }): Action<SloCheckInput> {
  return {
    name,
    title: 'Check service level objectives',
    summary:
      'Measures objectives with queries to Prometheus, now, for a time, or as they were before an incident, and holds them against bounds and an earlier check. ' +
      'No data, stale data, too little traffic and whatever else cannot be relied on fail the step, and with it a change that is undone on failure.',
    effect: 'read',
    holds: false,
    input,
    outputs,
    permissions,
    notCovered,
    timing: {
      planMs: 60_000,
      // The longest time that can be asked for, and the last queries.
      applyMs: 33 * 60_000,
      verifyMs: 60_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 4,
    },
    plan: (context, request) =>
      on(metrics, context, request.input, (prometheus, questions, source) =>
        planCheck(name, context, source, prometheus, questions, request.input),
      ),
    apply: (context, mandate) =>
      on(metrics, context, mandate.input, (prometheus, questions, source) =>
        applyCheck(context, source.name, prometheus, questions, mandate),
      ),
    verify: (context, mandate) =>
      on(metrics, context, mandate.input, async (prometheus, questions, source) =>
        verifyCheck(
          context,
          source.name,
          prometheus,
          questions,
          mandate,
          timeWanted(mandate.input, await timeOf(prometheus)),
        ),
      ),
    undo: nothingToUndo,
  };
}

/** Runs a verb over the source that its input names, which is closed after it. Every error leaves it as a typed failure. */
function on<T>(
  metrics: MetricsRegistry,
  { signal }: ActionContext,
  asked: SloCheckInput,
  verb: (prometheus: Prometheus, questions: Questions, source: MetricsConfig) => Promise<T>,
): Promise<T> {
  return typed(async () => {
    const source = metrics(asked.metrics);
    const questions = questionsOf(asked);
    const prometheus = connectPrometheus(source, signal);
    try {
      return await verb(prometheus, questions, source);
    } finally {
      await prometheus.close();
    }
  });
}
