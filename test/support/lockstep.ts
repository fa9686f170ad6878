import type { IncidentView, StepStatus } from '../../domain/incident.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ApproveStep, AskStep, Playbook } from '../../language/run/playbook.ts';
import { createInterpreter } from '../../workflows/interpreter/interpreter.ts';
import type { Facts, Interpreter, Leaf, LeafEnd, Stop } from '../../workflows/interpreter/types.ts';

/** One line of a trace: how one instance of a step ended. */
export type Ending = [address: string, status: StepStatus, why: string, verdict: string];

/** The pure interpreter, and what the world around it must look like at any moment. */
export class Model {
  readonly #interpreter: Interpreter;
  /** Of every instance that has begun or ended. */
  readonly #steps = new Map<string, { status: StepStatus; why: string }>();
  readonly #noted = new Map<string, StepStatus>();
  readonly #stopped = new Map<string, string>();
  readonly #running = new Map<string, Leaf>();
  readonly trace: Ending[] = [];

  constructor(playbook: Playbook, facts: Facts) {
    this.#interpreter = createInterpreter(playbook, facts);
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
    this.trace.push([step, status, why, verdict]);
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
   * What is to be undone is undone.
   */
  advance(now: number): void {
    for (;;) {
      const { commands, transitions } = this.#interpreter.advance(now);
      for (const { address, status, verdict, why = '' } of transitions) {
        this.#steps.set(address, { status, why });
        if (status === 'running' || status === 'waiting') continue;
        if (this.#noted.get(address) !== status) this.trace.push([address, status, why, verdict]);
        this.#noted.delete(address);
      }
      if (commands.length === 0) return;
      for (const command of commands) {
        if (command.do === 'run') this.#running.set(command.leaf.address, command.leaf);
        else if (command.do === 'undo') this.#interpreter.take({ undone: command.address, ok: true });
        else this.#told(command.address, command.why);
      }
    }
  }

  #told(address: string, why: string): void {
    const leaf = this.#running.get(address);
    if (leaf === undefined) throw new RangeError(`${address} is told to stop, and does not run`);
    if (isAsked(leaf)) this.end({ step: address, status: 'cancelled', why, verdict: '', outputs: {} });
    else this.#stopped.set(address, why);
  }

  /** How the real incident differs; undefined when it stands as this one. */
  difference(view: IncidentView, reading: Iterable<string>): string | undefined {
    const wanted = [...this.#steps].map(([address, { status, why }]) => `${address} ${status} ${why}`);
    const seen = view.steps
      .filter(({ status }) => status !== 'waiting')
      .map(({ id, status, why = '' }) => `${id} ${status} ${why}`);
    wanted.push(...this.running().map((leaf) => `${leaf.address} ${isAsked(leaf) ? 'asks' : 'reads'}`));
    seen.push(...view.gates.map(({ gate }) => `${addressOf(gate.id)} asks`));
    seen.push(...[...reading].map((address) => `${address} reads`));
    const missing = wanted.filter((line) => !seen.includes(line) && !line.includes(' waiting '));
    const added = seen.filter((line) => !wanted.includes(line));
    return missing.length + added.length === 0
      ? undefined
      : `only in the model: ${missing.join('; ')}\nonly in the incident: ${added.join('; ')}`;
  }
}

/** Whether people are asked about it; otherwise it reads. */
export function isAsked({ step }: Leaf): boolean {
  return step.kind !== 'action' || step.approve !== undefined;
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
