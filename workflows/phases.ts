import type { CarriedPhase } from './contract.ts';

/** A phase that people are, or were, asked about. */
export interface OpenPhase extends CarriedPhase {
  /** Nobody waited for the answer any more. */
  isWithdrawn: boolean;
  /** Steps that wait for the answer. */
  waiting: number;
  /** What plans and asks, in this run. */
  work?: Promise<unknown>;
  /** What the work failed with, which is no failure of an activity. */
  failure?: unknown;
}

/** The phases of an incident, by their ids. */
export class Phases {
  readonly #known: Map<string, OpenPhase>;

  constructor(carried: readonly CarriedPhase[] = []) {
    this.#known = new Map(carried.map((phase) => [phase.id, opened(phase)]));
  }

  /**
   * The phase as it stands or, once all of its steps have ended, a new round of it.
   * @param members addresses of its steps that are to come
   */
  enter(id: string, members: readonly string[]): OpenPhase {
    const known = this.#known.get(id);
    if (known !== undefined && known.left.length > 0) return known;
    const phase = opened({ id, times: (known?.times ?? 0) + 1, asked: [], left: [...members], over: false });
    this.#known.set(id, phase);
    return phase;
  }

  /** The question that a step of the phase waits for; undefined when it waits for none. */
  gateFor(id: string, address: string): string | undefined {
    const phase = this.#known.get(id);
    return phase?.asked.includes(address) === true ? phase.gate : undefined;
  }

  /** A step has ended. Of a phase whose steps all have, only how often it was asked about is kept: in a loop there may be thousands. */
  ended(id: string, address: string): void {
    const phase = this.#known.get(id);
    if (phase === undefined) return;
    phase.left = phase.left.filter((other) => other !== address);
    if (phase.left.length > 0) return;
    this.#known.set(id, opened({ id, times: phase.times, asked: [], left: [], over: true }));
  }

  carry(): CarriedPhase[] {
    return [...this.#known.values()].map(({ answer, asked, gate, id, left, over, times }) => ({
      id,
      times,
      asked,
      left,
      over,
      ...(gate === undefined ? {} : { gate }),
      ...(answer === undefined ? {} : { answer }),
    }));
  }
}

function opened(phase: CarriedPhase): OpenPhase {
  return { ...phase, isWithdrawn: false, waiting: 0 };
}
