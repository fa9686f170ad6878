import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Action, ActionContext, Authority, Mandate } from '../domain/action.ts';
import type { EvidenceRef, EvidenceStore } from '../domain/evidence.ts';
import { FirebreakError } from '../domain/errors.ts';
import { canonical, digest, sha256 } from '../domain/json.ts';
import type { KillSwitch } from '../domain/kill-switch.ts';
import { LedgerConflict, type LedgerStore } from '../domain/ledger.ts';
import { warrantProblem, type House } from '../domain/warrant.ts';
import type { Records } from '../stores/records.ts';
import { failureTypes } from '../domain/failure-types.ts';
import { redact } from '../domain/redaction.ts';
import { intender } from './intents.ts';
import { redactFailure } from './redact-failure.ts';
import { workflowIdOf, type Recorded, type VerbActivities } from '../workflows/contract.ts';

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
  house: House;
  snapshots: Pick<Records, 'put' | 'get'>;
  intents: Pick<Records, 'put' | 'get'>;
  /** Whether an incident's ledger is closed: its approvals are used up then. */
  isSealed: (incident: string) => Promise<boolean>;
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
      checkIntent(request);
      await options.ledger.append(request.entries);
      await reached(options, 'recorded');
      const result = await activity(request);
      await reached(options, 'returning');
      return result;
    } catch (error) {
      throw redactFailure(asFailure(error));
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
      plan: async ({ incident, step, input }) => {
        const context = contextFor(options);
        const plan = await action.plan(context, { incident, step, input: parse(action, input) });
        const taken = snapshotOf(plan.authority, plan.snapshot);
        await options.snapshots.put(taken.name, taken.text);
        return plan;
      },
      apply: async ({ mandate, warrant, entries }) => {
        if (action.effect !== 'read') await check('apply', action, mandate, warrant, entries, options);
        return action.apply(contextFor(options, mandate), {
          ...mandate,
          input: parse(action, mandate.input),
        });
      },
      verify: async ({ mandate }) =>
        action.verify(contextFor(options, mandate), { ...mandate, input: parse(action, mandate.input) }),
      undo: async ({ mandate, warrant, entries }) => {
        await check('undo', action, mandate, warrant, entries, options);
        // A release that a person asked for and another approved is never blocked by the kill switch; an undo that follows a failure is.
        return action.undo(contextFor(options, mandate, warrant.gate?.purpose !== 'release'), {
          ...mandate,
          input: parse(action, mandate.input),
        });
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

/** Refuses a change that a history asks for and nobody has authorised, or that it has not entered in its ledger. */
async function check(
  verb: 'apply' | 'undo',
  action: Action,
  mandate: Mandate,
  warrant: Parameters<typeof warrantProblem>[3],
  entries: Recorded['entries'],
  options: VerbOptions,
): Promise<void> {
  const problem =
    warrantProblem(verb, action, mandate, warrant, options.house) ??
    intentProblem(verb, action, mandate, entries) ??
    (await placeProblem(mandate, options));
  if (problem !== undefined) throw unauthorised(problem);
}

/** The last entry, which is stored by now, must say what is about to be done. */
function intentProblem(
  verb: 'apply' | 'undo',
  action: Action,
  { incident, step, authority, base }: Mandate,
  entries: Recorded['entries'],
): string | undefined {
  const intent = entries.at(-1);
  const { data } = intent ?? {};
  return intent?.incident === incident &&
    intent.kind === (verb === 'apply' ? 'step.applying' : 'step.undoing') &&
    data?.['step'] === step &&
    data['authority'] === digest(authority) &&
    data['base'] === base.digest &&
    authority.action === action.name
    ? undefined
    : 'the ledger has no entry of it';
}

/** Approvals count while the incident is open, and for a snapshot that a plan took of this very target. */
async function placeProblem(
  { incident, authority, base }: Mandate,
  { isSealed, snapshots }: VerbOptions,
): Promise<string | undefined> {
  if (await isSealed(incident)) return 'the incident is closed, and its approvals with it';
  if ((await snapshots.get(snapshotOf(authority, base).name)) === undefined)
    return 'its base is no snapshot that was taken of this target';
  return undefined;
}

function snapshotOf({ action, targets }: Authority, { digest: snapshot }: EvidenceRef) {
  const text = canonical({ action, targets, snapshot });
  return { name: sha256(text).slice('sha256:'.length), text };
}

/**
 * An activity's id names the entry that it carries last; what was scheduled without one leaves no trace in the ledger. Only an incident's own run
 * writes its ledger: an entry from elsewhere would fork it, and end the incident with all that it holds.
 */
function checkIntent({ entries }: Recorded): void {
  const { activityId, workflowExecution } = Context.current().info;
  const last = entries.at(-1);
  if (entries.some(({ incident }) => workflowIdOf(incident) !== workflowExecution?.workflowId))
    throw unauthorised('the activity carries ledger entries of another incident');
  if (last === undefined || activityId.split('/').slice(1).join('/') !== `${last.seq}/${last.hash}`)
    throw unauthorised('the activity does not carry the ledger entry that its id names');
}

function unauthorised(problem: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.unauthorised,
    nonRetryable: true,
    message: `FB3003: not authorised: ${problem}`,
  });
}

/** Without a mandate, for a plan: nothing may be intended. */
function contextFor(options: VerbOptions, mandate?: Mandate, obeysKillSwitch = true): ActionContext {
  const { info, cancellationSignal } = Context.current();
  const signal = AbortSignal.any([cancellationSignal, AbortSignal.timeout(info.startToCloseTimeoutMs)]);
  const checkpoint = async (name: string) => {
    Context.current().heartbeat(redact(name));
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
    async intend(name, data) {
      if (mandate === undefined) throw new TypeError(`a plan tried to write at ${name}`);
      const intent = await intender(options.intents, mandate)(name, data);
      await checkpoint(`intended ${name}`);
      return intent;
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
