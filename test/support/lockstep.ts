import type { IncidentView, StepStatus } from '../../domain/incident.ts';
import type { JsonObject } from '../../domain/json.ts';
import { ExpressionError, render } from '../../language/run/expression.ts';
import type { ApproveStep, AskStep, Playbook } from '../../language/run/playbook.ts';
import { createInterpreter } from '../../workflows/interpreter/interpreter.ts';
import type { Facts, Interpreter, Leaf, LeafEnd, Stop } from '../../workflows/interpreter/types.ts';

/** One line of a trace: how one instance of a step ended. */
export type Ending = [address: string, status: StepStatus, why: string, verdict: string];

/** What ended from one thing that happened to the next. Several questions that a stop withdraws end in no order of their own. */
export interface Moment {
  ends: Ending[];
  ordered: boolean;
}

/** The pure interpreter, and what the world around it must look like at any moment. */
export class Model {
  readonly #interpreter: Interpreter;
  /** Of every instance that has begun or ended. */
  readonly #steps = new Map<string, { status: StepStatus; why: string }>();
  readonly #noted = new Map<string, StepStatus>();
  readonly #stopped = new Map<string, string>();
  readonly #running = new Map<string, Leaf>();
  readonly moments: Moment[] = [];
  readonly #simulates: boolean;
  readonly #sticks: (address: string) => boolean;

  /** @param sticks addresses whose undo fails */
  constructor(playbook: Playbook, facts: Facts, sticks: (address: string) => boolean) {
    this.#interpreter = createInterpreter(playbook, facts);
    this.#simulates = facts.incident['mode'] === 'simulate';
    this.#sticks = sticks;
    this.nextMoment();
  }

  /** What ends from now on ends after all that has ended. */
  nextMoment(): void {
    this.moments.push({ ends: [], ordered: true });
  }

  /** Addresses that contain. */
  held(): string[] {
    return [...this.#steps].flatMap(([address, { status }]) => (status === 'held' ? [address] : []));
  }

  /** Whether people are asked about it; otherwise the world holds it up. */
  isAsked({ step }: Leaf): boolean {
    return !this.#simulates && (step.kind !== 'action' || step.approve !== undefined);
  }

  /** Leaves that run, in the order in which they began. */
  running(): Leaf[] {
    return [...this.#running.values()];
  }

  /** Why a leaf was told to stop. */
  stoppedFor(address: string): string | undefined {
    return this.#stopped.get(address);
  }

  get ended(): boolean {
    return this.#interpreter.ended() !== undefined;
  }

  due(): number {
    return this.#interpreter.due();
  }

  /** A leaf ends. */
  end(event: LeafEnd): void {
    const { status, step, verdict = '', why = '' } = event;
    this.#trace([step, status, why, verdict]);
    this.#noted.set(step, status);
    this.#running.delete(step);
    this.#stopped.delete(step);
    this.#interpreter.take(event);
  }

  stop(stop: Stop): void {
    this.#interpreter.stop(stop);
  }

  /**
   * Moves on to `now`. A leaf whose question is open ends as soon as it is told to stop; one that reads only when the world lets it go.
   * What is to be undone is undone, or sticks.
   */
  advance(now: number): void {
    for (;;) {
      const { commands, transitions } = this.#interpreter.advance(now);
      for (const { address, status, verdict, why = '' } of transitions) {
        this.#steps.set(address, { status, why });
        if (status === 'running' || status === 'waiting') continue;
        if (this.#noted.get(address) !== status) this.#trace([address, status, why, verdict]);
        this.#noted.delete(address);
      }
      if (commands.length === 0) return;
      for (const command of commands) {
        if (command.do === 'run') this.#begin(command.leaf);
        else if (command.do === 'undo') this.#undo(command.address);
        else this.#told(command.address, command.why);
      }
    }
  }

  #trace(ending: Ending): void {
    this.moments.at(-1)?.ends.push(ending);
  }

  #begin(leaf: Leaf): void {
    this.#running.set(leaf.address, leaf);
    const end = this.#endAtOnce(leaf);
    if (end !== undefined) this.end({ step: leaf.address, verdict: '', outputs: {}, ...end });
  }

  /** How it ends before anybody or anything is asked. */
  #endAtOnce({ step, scope }: Leaf): { status: StepStatus; why: string } | undefined {
    if (step.kind !== 'action')
      return this.#simulates
        ? { status: 'simulated', why: 'the mode is simulate: nobody was asked' }
        : undefined;
    try {
      render(step.with, scope);
      return undefined;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return this.#simulates
        ? { status: 'skipped', why: `not known in a simulation: ${error.message}` }
        : { status: 'failed', why: error.message };
    }
  }

  #undo(address: string): void {
    const sticks = this.#sticks(address);
    this.#interpreter.take({
      undone: address,
      ok: !sticks,
      ...(sticks ? { why: 'Broken: it sticks' } : {}),
    });
  }

  #told(address: string, why: string): void {
    const leaf = this.#running.get(address);
    if (leaf === undefined) throw new RangeError(`${address} is told to stop, and does not run`);
    if (!this.isAsked(leaf)) {
      this.#stopped.set(address, why);
      return;
    }
    const moment = this.moments.at(-1);
    if (moment !== undefined) moment.ordered = false;
    this.end({ step: address, status: 'cancelled', why, verdict: '', outputs: {} });
  }

  /** How the real incident differs; undefined when it stands as this one. */
  difference(view: IncidentView, reading: Iterable<string>): string | undefined {
    const wanted = [...this.#steps].map(([address, { status, why }]) => `${address} ${status} ${why}`);
    const seen = view.steps
      .filter(({ status }) => status !== 'waiting')
      .map(({ id, status, why = '' }) => `${id} ${status} ${why}`);
    wanted.push(...this.running().map((leaf) => `${leaf.address} ${this.isAsked(leaf) ? 'asks' : 'reads'}`));
    const gates = view.gates.filter(({ gate }) => gate.purpose !== 'release');
    seen.push(...gates.map(({ gate }) => `${addressOf(gate.id)} asks`));
    seen.push(...[...reading].map((address) => `${address} reads`));
    const missing = wanted.filter((line) => !seen.includes(line) && !line.includes(' waiting '));
    const added = seen.filter((line) => !wanted.includes(line));
    return missing.length + added.length === 0
      ? undefined
      : `only in the model: ${missing.join('; ')}\nonly in the incident: ${added.join('; ')}`;
  }
}

/** The address whose step asks this question. */
export function addressOf(gate: string): string {
  return gate.replace(/#\d+$/, '');
}

/** Answers that fit a form. */
export function answersTo({ fields }: AskStep, random: () => number): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).map(([name, { max, min, oneOf, type }]) => {
      const least = Math.ceil(min ?? 0);
      switch (type) {
        case 'boolean':
          return [name, random() < 0.5];
        case 'string':
          return [name, oneOf?.[Math.floor(random() * oneOf.length)] ?? 'a'.repeat(Math.max(1, least))];
        default:
          return [name, Math.min(max ?? least + 5, least + Math.floor(random() * 5))];
      }
    }),
  );
}

/** What an answered question yields. */
export function yielded(step: ApproveStep | AskStep, answers: JsonObject): JsonObject {
  return step.kind === 'approve' ? { by: ['ada'] } : answers;
}

/** The ends of a whole run, cut into the model's moments, one text an end; those of a moment that has no order are sorted. What is over belongs to the last. */
export function byMoment(ends: readonly (readonly unknown[])[], moments: readonly Moment[]): string[][] {
  let from = 0;
  return moments.map(({ ends: own, ordered }, index) => {
    const to = index === moments.length - 1 ? ends.length : from + own.length;
    const lines = ends.slice(from, to).map((end) => end.join(' | '));
    from = to;
    return ordered ? lines : lines.toSorted();
  });
}
