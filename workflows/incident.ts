import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
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
import { anchorEntries } from './anchor.ts';
import { commandProblem, decisionProblem, type Refused } from './authorise.ts';
import { cancel, CancelUndo, tellCancel } from './cancel.ts';
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
import { undoStep } from './execute/undo.ts';
import type { Ended } from './interpreter/types.ts';
import { Joined } from './joined.ts';
import { patience } from './patience.ts';
import { observe, release } from './release.ts';
import { nextReminder, remind } from './reminders.ts';
import { PlaybookRun } from './run.ts';
import { IncidentState } from './state.ts';

/** Ledger entries that may wait for the next activity before they are stored on their own. */
const maxUnstored = 40;
/** Characters of JSON that a run's input may have: Temporal takes 2 MB. */
const maxInput = 1_200_000;

/**
 * One incident, from its first alert until nothing is held any more and the ledger is sealed.
 * @returns how it ended
 */
export function incident(input: IncidentArguments): Promise<Outcome> {
  // Temporal's own "cancel" would leave a containment that nobody holds. A person ends an incident by a denial, a release or a takeover.
  return CancellationScope.nonCancellable(() => run(input));
}

async function run(input: IncidentArguments): Promise<Outcome> {
  anchorEntries();
  const state = new IncidentState(input);
  const { recorder, policy } = state;
  const joined = new Joined(state);
  const playbook = new PlaybookRun(state);
  const { carried } = input;
  const openedAt = carried?.openedAt ?? new Date().toISOString();
  const commands: Signed<Command>[] = [];
  let closedAt: string | undefined;
  let outcome: Outcome | undefined;
  let finished = false;
  let ended: Ended | undefined;

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
        ...(signed.payload.then === undefined ? {} : { then: signed.payload.then }),
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
      if (command === 'cancel') cancel(state, playbook, signed.payload);
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
              cancellable: ended === undefined || state.kept,
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
    ...(input.source === undefined ? {} : { source: input.source }),
    ...(ended === undefined || Object.keys(ended.outputs).length === 0 ? {} : { outputs: ended.outputs }),
    requester: input.requester,
    openedAt,
    ...(closedAt === undefined ? {} : { closedAt }),
    alerts: state.alerts,
    steps: state.steps.map(({ view }) => view),
    ...(state.stepsOmitted === 0 ? {} : { stepsOmitted: state.stepsOmitted }),
    gates: state.gates.views(),
    ledger: { count: recorder.count, head: recorder.head },
  });
  setHandler(defineQuery<StatusResult>(statusQuery), view);

  if (carried === undefined) joined.open();
  let failure: unknown;
  let tooLarge = false;
  const isQuiet = () => commands.length === 0 && !state.releasing && !state.takenOver;
  const isDraining = () => playbook.isLong && isQuiet() && !tooLarge;
  void playbook.untilEnded(isDraining).then(
    (end) => (ended = end),
    (error: unknown) => (failure = error),
  );

  const cancelUndo = new CancelUndo(state, () => ended !== undefined);
  const mayClose = () =>
    ended !== undefined && state.held().length === 0 && !state.kept && !cancelUndo.isPending;
  let releases = carried?.releases ?? 0;
  const releaseAll = async (signed: Signed<Command>): Promise<void> => {
    state.releasing = true;
    releases += 1;
    await release(state, signed, releases, async () => {
      const why = 'a release was approved';
      playbook.stop({ why, running: 'finish', undo: false, always: false });
      state.gates.supersedePlaybook(why);
      await condition(() => ended !== undefined || state.takenOver);
    });
    state.releasing = false;
    if (state.held().length === 0) state.kept = false;
  };
  /** The next run's input, once nothing is under way; undefined when something came up. */
  const handOn = async (): Promise<IncidentArguments | undefined> => {
    const runs = (carried?.runs ?? 0) + 1;
    state.gates.abandonPosts();
    const isAtRest = () => recorder.inFlight === 0 && playbook.isAtRest && cancelUndo.isAtRest;
    await condition(() => isAtRest() || !isDraining() || failure !== undefined);
    await state.finishBackground();
    if (recorder.unstored > 0)
      await recorder.fixed('ledger.record', { incident: input.incident }, patience.own, {
        kind: 'run.continued',
        data: { runs },
      });
    await condition(allHandlersFinished);
    // Something may have come up meanwhile: an answer, a command.
    if (!isDraining() || !isAtRest() || failure !== undefined) return undefined;
    const next: IncidentArguments = {
      ...input,
      carried: {
        runs,
        openedAt,
        ledger: recorder.position(),
        alerts: joined.carry(),
        interpreter: playbook.interpreter.state(),
        gates: state.gates.carry(),
        releases,
        ...state.carry(),
        ...cancelUndo.carry(),
      },
    };
    if (JSON.stringify(next).length <= maxInput) return next;
    tooLarge = true;
    const why = 'the incident has grown beyond what one run can hand on to the next';
    playbook.stop({ why, running: 'finish', undo: false, always: false });
    await state.tell('too-large', 'Stopped: too large', [why], 'danger', policy.escalation);
    return undefined;
  };
  for (;;) {
    const due = nextReminder(state);
    const woken = () =>
      commands.length > 0 ||
      failure !== undefined ||
      recorder.forked !== undefined ||
      recorder.unstored > maxUnstored ||
      nextReminder(state) !== due ||
      isDraining() ||
      cancelUndo.isDone ||
      mayClose();
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
    if (isDraining()) {
      const next = await handOn();
      if (next !== undefined) return continueAsNew<typeof incident>(next);
      continue;
    }
    const signed = commands.shift();
    if (signed !== undefined) {
      const command = signed.payload;
      if (command.command === 'release') {
        await releaseAll(signed);
      } else if (command.command === 'cancel') {
        await tellCancel(state, command);
        if (command.then !== 'undo') continue;
        if (CancelUndo.isBeside()) {
          cancelUndo.begin(signed);
          continue;
        }
        await condition(() => ended !== undefined || state.takenOver || failure !== undefined);
        for (const record of state.undoable()) await undoStep(state, record, 'a responder cancelled it');
        if (state.held().length > 0 && !state.takenOver) await releaseAll(signed);
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
    if (cancelUndo.isDone) {
      const asked = cancelUndo.take();
      if (asked !== undefined && state.held().length > 0) await releaseAll(asked);
      continue;
    }
    if (ended === undefined || !mayClose()) continue;
    // Messages may take minutes to be given up: until then alerts join, and people can command.
    await state.finishBackground();
    if (commands.length === 0) break;
  }

  state.closing = true;
  // The gateway looks for it after each signal: from here on an alert opens the successor. What it sent a moment before joins before the seal.
  upsertMemo({ [closingMemo]: true });
  outcome = outcomeOf(state, ended);
  closedAt = new Date().toISOString();
  await state.tellClosing(`Closed: ${outcome}`, [input.title], outcome === 'failed' ? 'danger' : 'info');
  await condition(allHandlersFinished);
  joined.close();
  await recorder.fixed('ledger.seal', { incident: input.incident, outcome, view: view() }, patience.own, {
    kind: 'incident.closed',
    data: {
      outcome,
      steps: digest(state.steps.map(({ view: step }) => step)),
      ...(Object.keys(ended.outputs).length === 0 ? {} : { outputs: ended.outputs }),
    },
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
function outcomeOf(state: IncidentState, ended: Ended): Outcome {
  const statuses = state.steps.map(({ view }) => view.status);
  const outside = state.steps.some(({ view }) => view.why === 'released by hand');
  const isGood = ended.status === 'done';
  if (!isGood && statuses.includes('failed')) return 'failed';
  if (outside) return 'released-outside';
  if (statuses.includes('released')) return 'released';
  if (ended.status === 'cancelled') return 'cancelled';
  if (!isGood && statuses.includes('refused')) return 'refused';
  if (!isGood && statuses.includes('denied')) return state.unanswered ? 'expired' : 'denied';
  if (statuses.includes('simulated')) return 'simulated';
  return 'completed';
}
