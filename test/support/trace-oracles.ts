import type { StepStatus } from '../../domain/incident.ts';
import { blocksOf, pathOfAddress, topBlocks, type Playbook, type Step } from '../../language/run/playbook.ts';
import type { Stop } from '../../workflows/interpreter/types.ts';
import type { Observed, Sight } from './observed-run.ts';

/** What the language says of a step, read off the playbook alone. */
interface Known {
  step: Step;
  /** In an `always` list. */
  always: boolean;
  /** A time may stop it: its own or that of a step around it. */
  timed: boolean;
}

/** Judges a run by what was seen of it, and by nothing that the interpreter knows. Each answers in words what was wrong. */
export class Oracle {
  readonly #playbook: Playbook;
  readonly #observed: Observed;
  readonly #known = new Map<string, Known>();

  constructor(playbook: Playbook, observed: Observed) {
    this.#playbook = playbook;
    this.#observed = observed;
    for (const { name, steps } of topBlocks(playbook))
      this.#learn(steps, '', { always: name === 'always', timed: false });
  }

  #learn(steps: readonly Step[], prefix: string, around: Omit<Known, 'step'>): void {
    for (const step of steps) {
      const path = `${prefix}${step.id}`;
      const timed = around.timed || step.timeoutMs !== undefined || step.kind === 'wait';
      this.#known.set(path, { ...around, timed, step });
      const isLoop = step.kind === 'foreach' || step.kind === 'while';
      for (const { name, steps: inner } of blocksOf(step))
        this.#learn(inner, isLoop && name !== 'on-failure' ? `${path}/` : prefix, { ...around, timed });
      const child = step.kind === 'playbook' ? this.#playbook.children?.[step.playbook] : undefined;
      if (child === undefined) continue;
      for (const { name, steps: inner } of topBlocks(child))
        this.#learn(inner, `${path}/`, { always: around.always || name === 'always', timed });
    }
  }

  #of(address: string): Known {
    const known = this.#known.get(pathOfAddress(address));
    if (known === undefined) throw new RangeError(`the playbook has no step ${address}`);
    return known;
  }

  /** A step begins once all that it needs have ended well, in the same round of their list; and is skipped for its needs only when one has not. */
  order(): string[] {
    const ends = new Map<string, boolean[]>();
    const faults: string[] = [];
    for (const sight of this.#observed.sights) {
      if (sight.saw !== 'status' || sight.undo || sight.status === 'waiting') continue;
      const { address, status, why } = sight;
      const { step } = this.#of(address);
      const own = ends.get(address) ?? [];
      const prefix = address.slice(0, address.length - step.id.length);
      const needs = step.needs.map((id) => ends.get(`${prefix}${id}`)?.[own.length]);
      const isBlocked = status === 'skipped' && why.startsWith('needs a step');
      if (isBlocked && !needs.includes(false))
        faults.push(`${address} was skipped, and all it needs is well`);
      if (status !== 'running') {
        ends.set(address, [...own, !isBlocked && (!isBad(status) || step.continueOnError === true)]);
        continue;
      }
      if (needs.includes(undefined)) faults.push(`${address} began before what it needs had ended`);
      if (needs.includes(false)) faults.push(`${address} began although what it needs ended badly`);
    }
    for (const [address, status] of this.#statuses())
      if (!isOver(status)) faults.push(`${address} was left ${status}`);
    return faults;
  }

  #statuses(): Map<string, StepStatus> {
    return new Map(
      this.#observed.sights.flatMap((sight) =>
        sight.saw === 'status' ? [[sight.address, sight.status] as const] : [],
      ),
    );
  }

  /** The most items of a `foreach`, or rounds of a `while`, that ran beside each other, by the loop's path; and those that were too many. */
  beside(): { most: number; faults: string[] } {
    const loops = new Map<string, Map<string, Set<string>>>();
    const faults: string[] = [];
    let most = 0;
    for (const sight of this.#observed.sights) {
      if (sight.saw !== 'status') continue;
      for (const { index, input } of sight.address.matchAll(/\[\d+\]\//g)) {
        const loop = input.slice(0, index);
        const item = input.slice(index, input.indexOf(']', index));
        const items = loops.get(loop) ?? new Map<string, Set<string>>();
        loops.set(loop, items);
        const running = items.get(item) ?? new Set<string>();
        items.set(item, running);
        if (sight.status === 'running') running.add(sight.address);
        else running.delete(sight.address);
        const beside = [...items.values()].filter(({ size }) => size > 0).length;
        most = Math.max(most, beside);
        const { step } = this.#of(loop);
        if (beside > (step.kind === 'foreach' ? step.maxParallel : 1))
          faults.push(`${beside} items of ${loop} ran at a time`);
      }
    }
    return { most, faults };
  }

  /**
   * One undo at a time, newest first of what stands in a playbook all of whose steps have ended, and only of what may be undone; and all of it,
   * when the playbook failed or a stop said so.
   */
  undos(): string[] {
    const faults: string[] = [];
    const statuses = new Map<string, StepStatus>();
    let standing: string[] = [];
    let undoing: string | undefined;
    let stop: Stop | undefined;
    for (const sight of this.#observed.sights) {
      if (sight.saw === 'status') statuses.set(sight.address, sight.status);
      else if (sight.saw === 'stop') stop = sight.stop;
      else if (sight.saw === 'end') {
        const { address } = sight.leaf;
        const stood = standing.includes(address);
        standing = standing.filter((other) => other !== address);
        if (stood || (sight.applied && this.#isUndoable(address))) standing.push(address);
      } else if (sight.saw === 'undone') {
        standing = standing.filter((address) => address !== sight.address);
        undoing = undefined;
      } else if (sight.saw === 'undo') {
        const { address } = sight;
        if (undoing !== undefined) faults.push(`${address} is undone beside ${undoing}`);
        undoing = address;
        if (!this.#isUndoable(address)) faults.push(`${address} must not be undone`);
        if (stop !== undefined && !stop.undo) faults.push(`${address} is undone although the stop leaves it`);
        // A stop undoes everything in one order, once all has ended.
        const places = this.#over(statuses).filter((place) => stop === undefined || place === '');
        if (!places.some((place) => standing.findLast((other) => other.startsWith(place)) === address))
          faults.push(
            `${address} is undone, and of what stands it is not the newest: ${standing.join(', ')}`,
          );
      }
    }
    const mustGo = stop === undefined ? this.#failed(statuses) : stop.undo;
    const left = standing.filter((address) => stop !== undefined || this.#isInSteps(address));
    if (mustGo && left.length > 0) faults.push(`not undone: ${left.join(', ')}`);
    return faults;
  }

  #isUndoable(address: string): boolean {
    const { step } = this.#of(address);
    if (step.kind !== 'action' || step.undo !== 'on-failure') return false;
    return this.#playbook.actions[step.uses]?.effect === 'reversible';
  }

  /** Where the playbooks stand whose steps have all ended, and which have not themselves. */
  #over(statuses: ReadonlyMap<string, StepStatus>): string[] {
    const places = [{ prefix: '', steps: this.#playbook.steps }];
    for (const [address, status] of statuses) {
      const { step } = this.#of(address);
      const child = step.kind === 'playbook' ? this.#playbook.children?.[step.playbook] : undefined;
      if (status === 'running' && child !== undefined)
        places.push({ prefix: `${address}/`, steps: child.steps });
    }
    return places.flatMap(({ prefix, steps }) =>
      steps.every(({ id }) => isOver(statuses.get(`${prefix}${id}`) ?? 'waiting')) ? [prefix] : [],
    );
  }

  /** Whether the steps of the playbook itself ended badly; one with an `end` is not judged. */
  #failed(statuses: ReadonlyMap<string, StepStatus>): boolean {
    const hasEnd = [...statuses].some(
      ([address, status]) => status === 'done' && this.#of(address).step.kind === 'end',
    );
    const isFailed = this.#playbook.steps.some(
      ({ continueOnError, id }) => continueOnError !== true && isBad(statuses.get(id) ?? 'waiting'),
    );
    return !hasEnd && isFailed;
  }

  #isInSteps(address: string): boolean {
    const top = new Set<string>();
    const collect = (steps: readonly Step[]): void => {
      for (const step of steps) {
        top.add(step.id);
        for (const { steps: inner } of blocksOf(step)) collect(inner);
      }
    };
    collect(this.#playbook.steps);
    return top.has(pathOfAddress(address).split('/')[0] ?? '');
  }

  /** After a stop nothing begins but the last steps, and those only when it says so; what runs is told, or left to finish, as it says. */
  stop(): string[] {
    const { ended, sights } = this.#observed;
    const at = sights.findIndex(({ saw }) => saw === 'stop');
    const seen = sights[at];
    if (seen?.saw !== 'stop') return [];
    const { stop } = seen;
    const mayBegin = (address: string) => stop.always && this.#of(address).always;
    const after = sights.slice(at + 1);
    const faults = after.flatMap((sight) => {
      if (sight.saw === 'status' && sight.status === 'running' && !mayBegin(sight.address))
        return [`${sight.address} began after the stop`];
      if (sight.saw === 'run' && !mayBegin(sight.leaf.address))
        return [`${sight.leaf.address} was run after the stop`];
      if (stop.running === 'finish' && sight.saw === 'told to stop' && !this.#of(sight.address).timed)
        return [`${sight.address} was not left to finish`];
      return [];
    });
    const told = toldBy(sights, at);
    const running = runningAt(sights, at).filter((address) => stop.running === 'stop' && !mayBegin(address));
    faults.push(
      ...running.filter((address) => !told.has(address)).map((address) => `${address} was not told`),
    );
    if (!seen.ended && (ended.status !== 'cancelled' || ended.why !== stop.why))
      faults.push(`it ended as ${ended.status}: ${ended.why ?? ''}`);
    const statuses = this.#statuses();
    for (const { id } of stop.always ? (this.#playbook.always ?? []) : [])
      if (!isOver(statuses.get(id) ?? 'waiting')) faults.push(`${id} of the last steps never ran`);
    return faults;
  }
}

const bad: readonly StepStatus[] = ['failed', 'refused', 'denied', 'cancelled'];

function isBad(status: StepStatus): boolean {
  return bad.includes(status);
}

function isOver(status: StepStatus): boolean {
  return status !== 'waiting' && status !== 'running';
}

function runningAt(sights: readonly Sight[], at: number): string[] {
  const running = new Set<string>();
  for (const sight of sights.slice(0, at)) {
    if (sight.saw === 'run') running.add(sight.leaf.address);
    if (sight.saw === 'end') running.delete(sight.leaf.address);
  }
  return [...running];
}

/** Leaves that have been told to stop when all that could move after a stop has. */
function toldBy(sights: readonly Sight[], at: number): Set<string> {
  const rest = sights.findIndex(({ saw }, index) => index > at && saw === 'rest');
  const told = new Set<string>();
  for (const sight of sights.slice(0, rest)) {
    if (sight.saw === 'run') told.delete(sight.leaf.address);
    if (sight.saw === 'told to stop') told.add(sight.address);
  }
  return told;
}
