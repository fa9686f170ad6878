import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  setHandler,
  defineQuery,
  defineSignal,
  defineUpdate,
  upsertMemo,
} from '@temporalio/workflow';
import type { Command } from '../domain/decision.ts';
import type { IncidentStatus, IncidentView, Outcome } from '../domain/incident.ts';
import { digest } from '../domain/json.ts';
import type { Signed } from '../domain/signature.ts';
import { commandProblem, decisionProblem, type Refused } from './authorise.ts';
import {
  alertsSignal,
  closingMemo,
  commandUpdate,
  decideUpdate,
  refusedType,
  statusQuery,
  type AlertsArguments,
  type CommandArguments,
  type DecideArguments,
  type IncidentArguments,
  type StatusResult,
} from './contract.ts';
import { executeAction } from './interpreter/action.ts';
import type { Progress } from './interpreter/core.ts';
import { runPlaybook } from './interpreter/run.ts';
import { Joined } from './joined.ts';
import { patience } from './patience.ts';
import { observe, release } from './release.ts';
import { IncidentState } from './state.ts';

/** Ledger entries that may wait for the next activity before they are stored on their own. */
const maxUnstored = 40;

/**
 * One incident, from its first alert until nothing is held any more and the ledger is sealed.
 * @returns how it ended
 */
export function incident(input: IncidentArguments): Promise<Outcome> {
  // Temporal's own "cancel" would leave a containment that nobody holds. A person ends an incident by a denial, a release or a takeover.
  return CancellationScope.nonCancellable(() => run(input));
}

async function run(input: IncidentArguments): Promise<Outcome> {
  const state = new IncidentState(input);
  const { recorder, policy } = state;
  const joined = new Joined(state);
  const openedAt = new Date().toISOString();
  const commands: Signed<Command>[] = [];
  let closedAt: string | undefined;
  let outcome: Outcome | undefined;
  let finished = false;

  setHandler(defineSignal<[AlertsArguments]>(alertsSignal), (alerts) => joined.join(alerts));
  setHandler(
    defineUpdate<{ gate: string; decided: boolean }, [DecideArguments]>(decideUpdate),
    (signed) => state.gates.take(signed),
    {
      validator: (signed) =>
        refuseIf(decisionProblem(signed, input.incident, policy, state.gates.views(), Date.now())),
    },
  );
  setHandler(
    defineUpdate<{ command: string }, [CommandArguments]>(commandUpdate),
    (signed) => {
      const { command, person, reason, via, at } = signed.payload;
      recorder.note('command.taken', {
        command,
        person,
        reason,
        via,
        at,
        keyId: signed.keyId,
        signature: signed.signature,
      });
      if (command === 'takeover') {
        state.takenOver = true;
        state.stopMutations();
        // A release that waits for an answer would keep a handback waiting.
        state.gates.supersede(['release'], 'a person took over');
      }
      if (command === 'release') state.releasing = true;
      commands.push(signed);
      return { command };
    },
    {
      validator: (signed) =>
        refuseIf(
          commandProblem(
            signed,
            input.incident,
            policy,
            {
              held: state.held().length,
              releasing: state.releasing,
              takenOver: state.takenOver,
              closing: state.closing,
            },
            Date.now(),
          ),
        ),
    },
  );
  const view = (): IncidentView => ({
    incident: input.incident,
    ...(input.predecessor === undefined ? {} : { predecessor: input.predecessor }),
    title: input.title,
    severity: input.severity,
    mode: input.mode,
    status: statusOf(state, finished),
    ...(outcome === undefined ? {} : { outcome }),
    playbook: {
      id: input.playbook.id,
      name: input.playbook.name,
      version: input.playbook.version,
      digest: input.playbookDigest,
    },
    requester: input.requester,
    openedAt,
    ...(closedAt === undefined ? {} : { closedAt }),
    alerts: state.alerts,
    steps: state.steps.map(({ view }) => view),
    gates: state.gates.views(),
    ledger: { count: recorder.count, head: recorder.head },
  });
  setHandler(defineQuery<StatusResult>(statusQuery), view);

  joined.open();
  let settled = false;
  let failure: unknown;
  let stopped: string | undefined;
  void runPlaybook(input.playbook, {
    execute: (step, progress) => executeAction(state, step, progress),
    changed: (progress) => show(state, progress),
    stopped: () => stopped,
  }).then(
    () => (settled = true),
    (error: unknown) => {
      failure = error;
      settled = true;
    },
  );

  let releases = 0;
  for (;;) {
    const due = nextReminder(state);
    const woken = () =>
      commands.length > 0 ||
      failure !== undefined ||
      recorder.forked !== undefined ||
      recorder.unstored > maxUnstored ||
      nextReminder(state) !== due ||
      (settled && state.held().length === 0);
    const inTime =
      due === Infinity
        ? (await condition(woken), true)
        : await condition(woken, Math.max(1, due - Date.now()));
    if (recorder.forked !== undefined) throw recorder.forked;
    if (failure !== undefined) throw failure;
    if (!inTime) {
      await remind(state);
      continue;
    }
    if (recorder.unstored > maxUnstored) {
      await recorder.fixed('ledger.record', { incident: input.incident }, patience.own, {
        kind: 'ledger.flushed',
        data: {},
      });
    }
    const signed = commands.shift();
    if (signed !== undefined) {
      const command = signed.payload;
      if (command.command === 'release') {
        releases += 1;
        await release(state, signed, releases, async () => {
          stopped = 'a release was approved';
          state.gates.supersede(['contain', 'change'], stopped);
          await condition(() => settled || state.takenOver);
        });
        state.releasing = false;
      } else if (command.command === 'takeover') {
        await state.tell(
          `takeover/${command.nonce}`,
          `${command.person} has taken over`,
          ['Firebreak changes nothing until it is handed back.', command.reason],
          'warning',
          policy.escalation,
        );
      } else {
        await state.mutationsEnded();
        await observe(state);
        // Somebody may have taken over again meanwhile.
        if (!commands.some(({ payload }) => payload.command === 'takeover')) state.takenOver = false;
        await state.tell(
          `handback/${command.nonce}`,
          `${command.person} has handed back`,
          [command.reason],
          'info',
        );
      }
      continue;
    }
    if (!(settled && state.held().length === 0)) continue;
    // Messages may take minutes to be given up: until then alerts join, and people can command.
    await state.finishBackground();
    if (commands.length === 0) break;
  }

  state.closing = true;
  // The gateway looks for it after each signal: from here on an alert opens the successor. What it sent a moment before joins before the seal.
  upsertMemo({ [closingMemo]: true });
  outcome = outcomeOf(state);
  closedAt = new Date().toISOString();
  await state.tellClosing(`Closed: ${outcome}`, [input.title], outcome === 'failed' ? 'danger' : 'info');
  await condition(allHandlersFinished);
  joined.close();
  await recorder.fixed('ledger.seal', { incident: input.incident, outcome, view: view() }, patience.own, {
    kind: 'incident.closed',
    data: { outcome, steps: digest(state.steps.map(({ view: step }) => step)) },
  });
  finished = true;
  return outcome;
}

function refuseIf(problem: Refused | undefined): void {
  if (problem === undefined) return;
  throw ApplicationFailure.create({
    type: refusedType,
    nonRetryable: true,
    message: `${problem.code}: ${problem.message}`,
    details: [problem],
  });
}

/** Epoch milliseconds at which the first hold has run its time; Infinity when there is none. */
function nextReminder(state: IncidentState): number {
  return state.held().reduce((first, { hold }) => Math.min(first, hold?.escalateAt ?? Infinity), Infinity);
}

/** A hold that has run its time is not let go of: people are told, again after as long a time. */
async function remind(state: IncidentState): Promise<void> {
  for (const record of state.held()) {
    const { hold, view } = record;
    if (hold === undefined || hold.escalateAt > Date.now()) continue;
    hold.escalateAt = Date.now() + hold.forMs;
    state.recorder.note('hold.expired', { step: view.id, target: hold.request.target });
    await state.tell(
      `${view.id}/expired/${new Date().toISOString()}`,
      `Still contained: ${record.plan?.description.title ?? view.id}`,
      [`Its time ran out at ${view.holdUntil ?? ''}. It stays contained until a person releases it.`],
      'danger',
      state.policy.escalation,
      true,
    );
  }
}

function show(state: IncidentState, progress: Progress): void {
  for (const [id, { status, why }] of progress) {
    const { view } = state.step(id);
    if (view.status === 'released') continue;
    view.status = status;
    if (why !== undefined) view.why = why;
  }
}

function statusOf(state: IncidentState, finished: boolean): IncidentStatus {
  if (finished) return 'closed';
  if (state.takenOver) return 'taken-over';
  if (state.gates.views().some(({ gate }) => gate.purpose !== 'release')) return 'awaiting-approval';
  if (state.releasing) return 'releasing';
  if (state.steps.some(({ view }) => view.status === 'running')) {
    return state.steps.some(({ mandate }) => mandate !== undefined) ? 'acting' : 'planning';
  }
  return state.held().length > 0 ? 'holding' : 'acting';
}

/** The most telling of what happened, for the record and the measures. */
function outcomeOf(state: IncidentState): Outcome {
  const statuses = state.steps.map(({ view }) => view.status);
  const outside = state.steps.some(({ view }) => view.why === 'released by hand');
  if (statuses.includes('failed')) return 'failed';
  if (outside) return 'released-outside';
  if (statuses.includes('released')) return 'released';
  if (statuses.includes('refused')) return 'refused';
  if (statuses.includes('denied')) return state.unanswered ? 'expired' : 'denied';
  if (statuses.includes('simulated')) return 'simulated';
  return 'completed';
}
