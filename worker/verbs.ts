import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Action, ActionContext, Mandate } from '../domain/action.ts';
import type { EvidenceStore } from '../domain/evidence.ts';
import { FirebreakError } from '../domain/errors.ts';
import type { KillSwitch } from '../domain/kill-switch.ts';
import { LedgerConflict, type LedgerStore } from '../domain/ledger.ts';
import type { PublicKey } from '../domain/signature.ts';
import { warrantProblem, type Directory } from '../domain/warrant.ts';
import { failureTypes, type Recorded, type VerbActivities } from '../workflows/contract.ts';

/** Where a verb is: told to tests, which kill the worker there. */
export interface Boundary {
  workflowId: string;
  activity: string;
  boundary: string;
  attempt: number;
}

export interface VerbOptions {
  ledger: LedgerStore;
  evidence: EvidenceStore;
  killSwitch: Pick<KillSwitch, 'read'>;
  gatewayKeys: readonly PublicKey[];
  directory: Directory;
  escalation: readonly string[];
  /** Waited for at every boundary. */
  atBoundary?: (at: Boundary) => Promise<void>;
}

type Activity = (request: never) => Promise<unknown>;

/** Wraps an activity so that the entries it carries are stored before it does anything. */
export function recorded<Q extends Recorded, R>(
  options: Pick<VerbOptions, 'ledger' | 'atBoundary'>,
  activity: (request: Q) => Promise<R>,
): (request: Q) => Promise<R> {
  return async (request) => {
    try {
      await options.ledger.append(request.entries);
      await reached(options, 'recorded');
      const result = await activity(request);
      await reached(options, 'returning');
      return result;
    } catch (error) {
      throw asFailure(error);
    }
  };
}

/** The activities of some actions: `<action>.plan`, `.apply`, `.verify`, `.undo`. */
export function verbActivities(
  actions: readonly Action[],
  options: VerbOptions,
): { [name: string]: Activity } {
  const activities: { [name: string]: Activity } = {};
  for (const action of actions) {
    const verbs: VerbActivities = {
      plan: async ({ incident, step, input }) =>
        action.plan(contextFor(options, true), { incident, step, input: parse(action, input) }),
      apply: async ({ mandate, warrant }) => {
        if (action.effect !== 'read') check('apply', mandate, warrant, options);
        return action.apply(contextFor(options, true), { ...mandate, input: parse(action, mandate.input) });
      },
      verify: async ({ mandate }) =>
        action.verify(contextFor(options, true), { ...mandate, input: parse(action, mandate.input) }),
      undo: async ({ mandate, warrant }) => {
        check('undo', mandate, warrant, options);
        // A release that a person asked for and another approved is never blocked by the kill switch.
        return action.undo(contextFor(options, false), { ...mandate, input: parse(action, mandate.input) });
      },
    };
    activities[`${action.name}.plan`] = heartbeating(recorded(options, verbs.plan));
    activities[`${action.name}.apply`] = heartbeating(recorded(options, verbs.apply));
    activities[`${action.name}.verify`] = heartbeating(recorded(options, verbs.verify));
    activities[`${action.name}.undo`] = heartbeating(recorded(options, verbs.undo));
  }
  return activities;
}

function parse(action: Action, input: Mandate['input']): Mandate['input'] {
  const parsed = action.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new FirebreakError(
    'FB3002',
    `${action.name}: with.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`,
  );
}

function check(
  verb: 'apply' | 'undo',
  mandate: Mandate,
  warrant: Parameters<typeof warrantProblem>[2],
  options: VerbOptions,
): void {
  const problem = warrantProblem(
    verb,
    mandate,
    warrant,
    options.gatewayKeys,
    options.directory,
    options.escalation,
  );
  if (problem === undefined) return;
  throw ApplicationFailure.create({
    type: failureTypes.unauthorised,
    nonRetryable: true,
    message: `FB3003: not authorised: ${problem}`,
  });
}

function contextFor(options: VerbOptions, obeysKillSwitch: boolean): ActionContext {
  const { info, cancellationSignal } = Context.current();
  const signal = AbortSignal.any([cancellationSignal, AbortSignal.timeout(info.startToCloseTimeoutMs)]);
  const checkpoint = async (name: string) => {
    Context.current().heartbeat(name);
    await reached(options, name);
    if (cancellationSignal.aborted) throw new CancelledFailure(`cancelled at ${name}`);
    signal.throwIfAborted();
  };
  return {
    evidence: options.evidence,
    signal,
    now: () => new Date(),
    checkpoint,
    async beforeWrite(name) {
      await checkpoint(name);
      if (!obeysKillSwitch) return;
      const { stopped, by, reason } = await options.killSwitch.read();
      if (!stopped) return;
      throw ApplicationFailure.create({
        type: failureTypes.stopped,
        nonRetryable: true,
        message: `FB3001: the kill switch is on (${by}: ${reason}): nothing was changed at ${name}`,
      });
    },
  };
}

/** Shows the server that the process lives, however long one call takes. */
export function heartbeating<Q, R>(activity: (request: Q) => Promise<R>): (request: Q) => Promise<R> {
  return async (request) => {
    const context = Context.current();
    const every = (context.info.heartbeatTimeoutMs ?? 0) / 3;
    const timer = every > 0 ? setInterval(() => context.heartbeat(), every) : undefined;
    try {
      return await activity(request);
    } finally {
      clearInterval(timer);
    }
  };
}

async function reached(options: Pick<VerbOptions, 'atBoundary'>, boundary: string): Promise<void> {
  if (options.atBoundary === undefined) return;
  const { info } = Context.current();
  await options.atBoundary({
    workflowId: info.workflowExecution?.workflowId ?? '',
    activity: info.activityType,
    boundary,
    attempt: info.attempt,
  });
}

function asFailure(error: unknown): unknown {
  if (error instanceof LedgerConflict) {
    return ApplicationFailure.create({
      type: failureTypes.ledgerConflict,
      nonRetryable: true,
      message: error.message,
    });
  }
  if (error instanceof FirebreakError) {
    return ApplicationFailure.create({ type: error.code, nonRetryable: true, message: error.message });
  }
  return error;
}
