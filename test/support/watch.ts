import type { Boundary } from '../../worker/verbs.ts';

const forever = new Promise<never>(() => undefined);

/** Whether to stop at a place, which is the nth that the workflow has reached. */
type IsPlace = (place: string, nth: number) => boolean;

interface Stop {
  isPlace: IsPlace;
  standing: boolean;
  arrived: PromiseWithResolvers<void>;
  /** Settles when the workflow may go on, in another process. */
  left: PromiseWithResolvers<void>;
}

/**
 * Sees every boundary that workflows reach, and stops each at a chosen one, so that a process can be killed exactly there. A place is named
 * `<activity>:<boundary>#<n>`: the nth time that this workflow reaches it.
 */
export class Watch {
  readonly #plain: (boundary: string) => string;

  /** @param plain takes out of a boundary's name what differs between two incidents, such as a UID */
  constructor(plain: (boundary: string) => string = (boundary) => boundary) {
    this.#plain = plain;
  }

  readonly #seen = new Map<string, string[]>();
  readonly #stops = new Map<string, Stop>();

  /** The places that a workflow has reached, in order. */
  seen(workflowId: string): readonly string[] {
    return this.#seen.get(workflowId) ?? [];
  }

  /** Stops the workflow when it reaches `place`. Ask before it begins. */
  stopAt(workflowId: string, place: string): void {
    this.stopWhere(workflowId, (reached) => reached === place);
  }

  /** Stops the workflow at the first place that `isPlace` holds of. Ask before it begins. */
  stopWhere(workflowId: string, isPlace: IsPlace): void {
    const stop = {
      isPlace,
      standing: false,
      arrived: Promise.withResolvers<void>(),
      left: Promise.withResolvers<void>(),
    };
    this.#stops.set(workflowId, stop);
  }

  /** Resolves once the workflow stands at the place that it is stopped at. */
  async arrived(workflowId: string): Promise<void> {
    await this.#stops.get(workflowId)?.arrived.promise;
  }

  /** Resolves at once unless the workflow stands still; then when `open` lets it go on. */
  async free(workflowId: string): Promise<void> {
    const stop = this.#stops.get(workflowId);
    if (stop?.standing === true) await stop.left.promise;
  }

  /** Stops nothing any more. What stands still stays so: its process is to be killed. */
  open(): void {
    for (const { left } of this.#stops.values()) left.resolve();
    this.#stops.clear();
  }

  /** Waits for ever at the place that its workflow is stopped at, and at every one after. */
  async reached({ workflowId, activity, boundary }: Omit<Boundary, 'attempt'>): Promise<void> {
    const seen = this.#seen.get(workflowId) ?? [];
    this.#seen.set(workflowId, seen);
    const name = `${activity}:${this.#plain(boundary)}#`;
    const place = `${name}${seen.filter((earlier) => earlier.startsWith(name)).length + 1}`;
    seen.push(place);
    const stop = this.#stops.get(workflowId);
    if (stop === undefined) return;
    if (stop.isPlace(place, seen.length)) {
      stop.standing = true;
      stop.arrived.resolve();
    }
    if (stop.standing) await forever;
  }
}
