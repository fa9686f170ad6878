import { condition, patched } from '@temporalio/workflow';
import type { Cancellation, Command } from '../domain/decision.ts';
import type { Signed } from '../domain/signature.ts';
import { undoStep } from './execute/undo.ts';
import { keepOpen } from './reminders.ts';
import type { PlaybookRun } from './run.ts';
import type { IncidentState } from './state.ts';

/** What follows a cancel, for the people who read of it. */
const follows: { [then in Cancellation]: string } = {
  stop: 'Nothing more begins. What was applied stays as it is; what is contained stays contained until it is released.',
  undo: 'Nothing more begins. Reversible changes are undone, newest first; the release of what is contained is asked for.',
  hold: 'Nothing more begins; what runs is finished. All of it stays, and the incident open, until somebody cancels it with stop or undo, or releases it.',
};

/** Takes effect at once, whatever else is going on. */
export function cancel(state: IncidentState, playbook: PlaybookRun, { person, then }: Command): void {
  state.kept = then === 'hold';
  if (state.kept) keepOpen(state);
  playbook.stop({
    why: `${person} cancelled it`,
    running: then === 'hold' ? 'finish' : 'stop',
    undo: then === 'undo',
    always: then !== 'hold',
  });
  // A question that is open is no work under way: it would keep a hold waiting for ever.
  if (then === 'hold') state.gates.supersedePlaybook(`${person} cancelled it`);
  if (then === 'stop') state.gates.supersede(['undo'], `${person} cancelled it`);
}

/** Tells people who cancelled, why, and what follows. */
export function tellCancel(state: IncidentState, command: Command): Promise<void> {
  const { nonce, person, reason, then = 'stop' } = command;
  return state.tell(
    `cancel/${nonce}`,
    `${person} cancelled the playbook: ${then}`,
    [reason, follows[then]],
    'warning',
  );
}

/**
 * What is left of a cancel that undoes once the playbook has ended: changes that the playbook itself did not undo, and the question of the release. It
 * runs beside the incident's loop, which must be free meanwhile for a takeover, its handback, and a next run.
 */
export class CancelUndo {
  readonly #state: IncidentState;
  readonly #hasEnded: () => boolean;
  #asked: Signed<Command> | undefined;
  #runs = false;
  #isUndoing = false;
  #failure: unknown;

  constructor(state: IncidentState, hasEnded: () => boolean) {
    this.#state = state;
    this.#hasEnded = hasEnded;
    const { carried } = state.input;
    if (carried?.cancelUndo !== undefined) this.begin(carried.cancelUndo);
  }

  /** Whether this run may wait like that: histories from before did in the loop itself. */
  static isBeside(): boolean {
    return patched('cancel-undo-beside');
  }

  begin(signed: Signed<Command>): void {
    this.#asked = signed;
    if (this.#runs) return;
    this.#runs = true;
    this.#undo()
      .catch((failure: unknown) => (this.#failure = failure))
      .finally(() => (this.#runs = false));
  }

  async #undo(): Promise<void> {
    await condition(this.#hasEnded);
    this.#isUndoing = true;
    for (const record of this.#state.undoable())
      await undoStep(this.#state, record, 'a responder cancelled it');
    this.#isUndoing = false;
  }

  /** Whether the incident may neither close nor ask for its release yet. */
  get isPending(): boolean {
    return this.#asked !== undefined;
  }

  /** Whether another run may take over now. */
  get isAtRest(): boolean {
    return !this.#isUndoing || this.#state.onlyAsksToUndo;
  }

  /** Whether all is undone that was to be, and nobody has taken over. */
  get isDone(): boolean {
    return this.isPending && !this.#runs && !this.#state.takenOver;
  }

  /** The command, once `isDone`: what is held is asked about in its name. @throws what no undo should throw */
  take(): Signed<Command> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const asked = this.#asked;
    this.#asked = undefined;
    return asked;
  }

  /** What the next run needs. */
  carry(): { cancelUndo?: Signed<Command> } {
    return this.#asked === undefined ? {} : { cancelUndo: this.#asked };
  }
}
