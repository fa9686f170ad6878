import { ActivityFailure, ApplicationFailure, CancelledFailure } from '@temporalio/workflow';
import type { ActionSignature } from '../domain/action.ts';
import type { Gate } from '../domain/decision.ts';
import { failureTypes } from '../domain/failure-types.ts';
import { isFork, TooLarge, type Patience, type Recorder } from './recorder.ts';

const minute = 60_000;

/** A worker that was killed is missed after this long, whatever it was doing; without it, only when the attempt's time is up. */
const heartbeatMs = 5_000;

/** How long each class of activity is waited for. A read and an idempotent write are tried again; a message gives up in time not to hold up an incident. */
export const patience = {
  notice: { attemptMs: 15_000, attempts: 0, heartbeatMs, totalMs: 2 * minute },
  lastNotice: { attemptMs: 5_000, attempts: 0, heartbeatMs, totalMs: 5_000 },
  /** A question is worth asking for as long as it is open. */
  ask: (gate: Gate): Patience => ({
    attemptMs: 15_000,
    attempts: 0,
    heartbeatMs,
    totalMs: gate.approval.withinMs * (gate.approval.otherwise === 'escalate' ? 2 : 1),
  }),
  /** Holds and the ledger are the engine's own: they are waited for, however long it takes. */
  own: { attemptMs: minute, attempts: 0, heartbeatMs },
  verb: (timing: ActionSignature['timing'], verb: 'plan' | 'apply' | 'verify' | 'undo'): Patience => ({
    attemptMs: timing[`${verb}Ms`],
    attempts: timing.attempts,
    heartbeatMs: timing.heartbeatMs,
  }),
} as const;

/** What went wrong in an activity, in a form that a ledger entry and a person can bear. */
export interface Failure {
  type: string;
  message: string;
}

/**
 * Names what an activity failed of. A failure that no step can answer (a forked ledger, a cancelled incident, a fault in this code) is thrown
 * on instead.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof ActivityFailure) {
    const cause = error.cause;
    if (cause instanceof ApplicationFailure) {
      if (cause.type === failureTypes.ledgerConflict) throw error;
      return { type: cause.type ?? 'Error', message: (cause.message ?? '').slice(0, 1000) };
    }
    if (cause instanceof CancelledFailure) throw error;
    return { type: cause?.name ?? 'Error', message: (cause?.message ?? error.message).slice(0, 1000) };
  }
  if (error instanceof TooLarge) return { type: error.name, message: error.message };
  throw error;
}

/** Runs a notice: one that fails is noted in the ledger, and never stops an incident. */
export async function attempt<T>(
  recorder: Recorder,
  what: string,
  run: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    // The incident itself fails of it; thrown beside it, it would only wedge the workflow.
    if (isFork(error)) return undefined;
    const { type, message } = failureOf(error);
    recorder.note('notice.failed', { what, type, message });
    return undefined;
  }
}
