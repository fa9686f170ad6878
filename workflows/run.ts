import { condition, workflowInfo } from '@temporalio/workflow';
import type { ActionStep, ApproveStep, AskStep } from '../language/run/playbook.ts';
import { executeAction } from './execute/action.ts';
import { executeQuestion } from './execute/question.ts';
import { undoStep } from './execute/undo.ts';
import { createInterpreter } from './interpreter/interpreter.ts';
import { phaseId } from './interpreter/phase.ts';
import type { Command, Ended, Event, Interpreter, Leaf, Stop, Transition } from './interpreter/types.ts';
import type { IncidentState, StepRecord } from './state.ts';

/** Events of a run after which nothing begins any more, whatever waits: the server ends a run at 51,200. */
const hardLimit = 40_000;

/** Runs an incident's playbook: carries out what the interpreter asks, and tells it what came of it. */
export class PlaybookRun {
  readonly interpreter: Interpreter;
  readonly #state: IncidentState;
  readonly #events: Event[] = [];
  readonly #failures: unknown[] = [];
  #stopped = false;
  #undoing = 0;

  constructor(state: IncidentState) {
    const { carried, playbook } = state.input;
    this.#state = state;
    this.interpreter = createInterpreter(playbook, state.facts(), carried?.interpreter);
  }

  /** Nothing more begins; see Stop for what is there. */
  stop(stop: Stop): void {
    this.interpreter.stop(stop);
    this.#stopped = true;
    this.#state.stopped = true;
  }

  /** Whether all that runs only waits for people: nothing is under way, and nothing has ended that the interpreter does not know of. */
  get isAtRest(): boolean {
    const state = this.#state;
    const asks = ({ address, phase }: Leaf): boolean => {
      const joint = phase === undefined ? undefined : state.phases.gateFor(phase.id, address);
      const asking = state.find(address)?.asking ?? joint;
      return asking !== undefined && state.gates.isOpen(asking);
    };
    return (
      this.#events.length === 0 &&
      this.#failures.length === 0 &&
      (this.#undoing === 0 || state.onlyAsksToUndo) &&
      this.interpreter.running().every(asks)
    );
  }

  /** Whether this run has grown so long that the next must take over, as soon as no activity is under way. */
  get isLong(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength >= (this.#state.input.continueAfter ?? hardLimit);
  }

  /** Until the playbook has ended. Begins nothing while `isDraining`. */
  async untilEnded(isDraining: () => boolean): Promise<Ended> {
    for (const leaf of this.interpreter.running()) this.#execute(leaf);
    const undoing = this.interpreter.undoing();
    if (undoing !== undefined) this.#obey(undoing);
    for (;;) {
      if (!isDraining() || this.#stopped) {
        this.#stopped = false;
        const { commands, transitions } = this.interpreter.advance(Date.now());
        for (const transition of transitions) this.#show(transition);
        for (const command of commands) this.#obey(command);
        const ended = this.interpreter.ended();
        if (ended !== undefined) {
          this.#state.stopped = true;
          return ended;
        }
      }
      await this.#news(isDraining);
      if (this.#failures.length > 0) throw this.#failures[0];
      for (const event of this.#events.splice(0)) this.interpreter.take(event);
    }
  }

  async #news(isDraining: () => boolean): Promise<void> {
    const wasDraining = isDraining();
    const due = wasDraining ? Infinity : this.interpreter.due();
    const woken = () =>
      this.#events.length > 0 || this.#failures.length > 0 || this.#stopped || isDraining() !== wasDraining;
    if (due === Infinity) await condition(woken);
    else await condition(woken, Math.max(1, due - Date.now()));
  }

  #obey(command: Command): void {
    const state = this.#state;
    if (command.do === 'run') {
      this.#execute(command.leaf);
      return;
    }
    const record = state.find(command.address);
    if (record === undefined) throw new RangeError(`no step ${command.address}`);
    if (command.do === 'stop') state.stop(record, command.why);
    else {
      delete record.stopped;
      this.#undoing += 1;
      this.#follow(
        undoStep(state, record, command.why).then((undone) => {
          this.#undoing -= 1;
          return { undone: command.address, ...undone };
        }),
      );
    }
  }

  #execute(leaf: Leaf): void {
    const record = this.#state.record(leaf.address, leaf.step);
    record.quiet = leaf.quiet;
    delete record.stopped;
    const { step } = leaf;
    const ending = isAction(step)
      ? executeAction(this.#state, { ...leaf, step }, record)
      : executeQuestion(this.#state, { ...leaf, step }, record);
    this.#follow(
      ending.then((event) => {
        record.noted = event.status;
        return event;
      }),
    );
  }

  #follow(ending: Promise<Event>): void {
    ending.then(
      (event) => this.#events.push(event),
      (failure: unknown) => this.#failures.push(failure),
    );
  }

  /** Brings a step's view up to date, and notes an end that no executor has noted. */
  #show(transition: Transition): void {
    const { address, status, step, verdict, why } = transition;
    const record = this.#state.record(address, step);
    const { view } = record;
    const isNoted = record.noted === status;
    delete record.noted;
    if (view.status !== 'released') {
      view.status = status;
      if (why === undefined) delete view.why;
      else view.why = why;
    }
    if (status === 'running' || status === 'waiting') return;
    if (step.kind === 'action' && step.phase !== undefined)
      this.#state.phases.ended(phaseId(address, step.id, step.phase.id), address);
    if (!isNoted) this.#state.recorder.note('step.ended', { step: address, status, why: why ?? '', verdict });
    this.#tellLoop(record, transition);
    this.#state.retire(record);
  }

  /** The good ends within a loop are not told one by one: the loop's own is. */
  #tellLoop({ quiet }: StepRecord, { address, outputs, status, step, why }: Transition): void {
    if (quiet || (step.kind !== 'foreach' && step.kind !== 'while') || status === 'skipped') return;
    const { count, succeeded, rounds } = outputs;
    this.#state.tellLater(
      `${address}/${status}`,
      `${address}: ${status}`,
      [
        ...(typeof count === 'number' && typeof succeeded === 'number'
          ? [`${succeeded} of ${count} items ended well`]
          : []),
        ...(typeof rounds === 'number' ? [`${rounds} rounds`] : []),
        ...(why === undefined ? [] : [why]),
      ],
      status === 'done' ? 'good' : 'danger',
    );
  }
}

function isAction(step: ActionStep | ApproveStep | AskStep): step is ActionStep {
  return step.kind === 'action';
}
