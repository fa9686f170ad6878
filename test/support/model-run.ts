import { expect } from '@jest/globals';
import type { Effect } from '../../domain/action.ts';
import type { GateView, IncidentView, StepStatus } from '../../domain/incident.ts';
import { jsonCopy, type JsonObject } from '../../domain/json.ts';
import type { Facts, Leaf } from '../../workflows/interpreter/types.ts';
import type { Engine, OpenIncident } from './engine.ts';
import { addressOf, answersTo, Model, yielded, type Moment } from './lockstep.ts';
import type { ModelWorld } from './model-world.ts';

/** What the runs have met, so that a model that never leaves the easy way is seen. */
export const met = {
  ends: 0,
  skips: 0,
  cancels: 0,
  releases: 0,
  stuck: 0,
  statuses: new Set<StepStatus>(),
  kinds: new Set<string>(),
};

function factsOf({ input }: OpenIncident): Facts {
  const { alert, incident, inputs, mode, requester, severity, title } = input;
  return {
    inputs,
    alert: alert === null ? {} : jsonCopy(alert),
    incident: { id: incident, title, severity, mode, requester },
  };
}

/** One random playbook, run by the pure interpreter and by a real incident, step by step side by side. */
export class ModelRun {
  readonly #engine: Engine;
  readonly #opened: OpenIncident;
  readonly #model: Model;
  readonly #world: ModelWorld;
  readonly #random: () => number;
  readonly #timed: boolean;

  constructor(engine: Engine, opened: OpenIncident, world: ModelWorld, random: () => number, timed: boolean) {
    this.#engine = engine;
    this.#opened = opened;
    this.#model = new Model(opened.input.playbook, factsOf(opened), (address) => world.stuck.has(address));
    this.#world = world;
    this.#random = random;
    this.#timed = timed;
  }

  async #now(): Promise<number> {
    return (await this.#engine.now()).getTime();
  }

  /** Lets the model's clock run as the server's does. Without times all that waits for one is due at once. */
  async #follow(): Promise<void> {
    const now = await this.#now();
    const until = this.#timed ? now : now + 3_600_000;
    while (this.#model.due() <= until) this.#model.advance(this.#model.due());
    this.#model.advance(this.#timed ? now : until);
  }

  /**
   * How it stands once nothing is under way but what the world holds up; while something is, what. A query waits for the workflow task that is pending,
   * and every activity has an entry of its own: between two views of as many entries none was begun.
   */
  async #atRest(): Promise<IncidentView | string> {
    const before = await this.#opened.view();
    const { raw } = await this.#opened.handle.describe();
    const pending = raw.pendingActivities ?? [];
    const view = await this.#opened.view();
    if (pending.length === this.#world.reading.size && view.ledger.count === before.ledger.count) return view;
    const named = pending.map(
      ({ activityId, activityType, attempt, lastFailure, state }) =>
        `${activityType?.name ?? ''} ${activityId ?? ''} state ${String(state)} attempt ${attempt} ${lastFailure?.message ?? ''}`,
    );
    return `it is not at rest: ${this.#world.reading.size} read, pending: ${named.join('; ')}`;
  }

  /** Until the incident is at rest and stands as the model does. @throws with how they differ, after 90 s: a busy machine is slow */
  async #meet(): Promise<void> {
    const end = Date.now() + 90_000;
    for (;;) {
      await this.#follow();
      const view = await this.#atRest();
      const difference =
        typeof view === 'string' ? view : this.#model.difference(view, this.#world.reading.keys());
      if (difference === undefined) return this.#model.nextMoment();
      if (Date.now() > end) throw new Error(`the incident does not do as the model does\n${difference}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** @returns the model's trace */
  async toEnd(): Promise<Moment[]> {
    this.#model.advance(await this.#now());
    let cancelled = false;
    for (;;) {
      await this.#meet();
      if (this.#model.ended) return this.#model.moments;
      if (!cancelled && this.#random() < 0.03) {
        cancelled = true;
        await this.#cancel();
      } else await this.#step();
    }
  }

  async #step(): Promise<void> {
    const running = this.#model.running();
    const due = this.#model.due();
    // Where an activity is under way, the server's clock does not skip.
    const reading = running.find((candidate) => !this.#model.isAsked(candidate));
    const canSkip = due !== Infinity && reading === undefined;
    if (canSkip && (running.length === 0 || this.#random() < 0.25)) {
      met.skips += 1;
      await this.#engine.pass(Math.max(1, due - (await this.#now())));
      this.#model.advance(due);
      return;
    }
    const leaf = reading ?? running[Math.floor(this.#random() * running.length)];
    if (leaf === undefined) throw new Error('nothing runs, nothing is due, and it has not ended');
    await this.#end(leaf);
  }

  /** Ends one leaf, in the world and in the model. */
  async #end(leaf: Leaf): Promise<void> {
    const { address, step } = leaf;
    met.ends += 1;
    if (step.kind !== 'action') {
      if (this.#random() < 0.2) return this.#deny(address);
      const answers = step.kind === 'ask' ? answersTo(step, this.#random) : undefined;
      await this.#decide(address, answers);
      return this.#ends(address, 'done', { outputs: yielded(step, answers ?? {}) });
    }
    if (this.#opened.input.mode === 'simulate') {
      this.#world.reading.get(address)?.();
      return this.#ends(address, 'simulated', { why: 'the mode is simulate: nothing was changed' });
    }
    const isAsked = this.#model.isAsked(leaf);
    if (isAsked && this.#random() < 0.15) return this.#deny(address);
    const fails = this.#random() < 0.3;
    const outputs = { ok: true, n: Math.floor(this.#random() * 4) };
    this.#world.directives.set(address, fails ? { fails: 'injected' } : { outputs });
    const stopped = this.#model.stoppedFor(address);
    if (this.#random() < 0.5) this.#world.stuck.add(address);
    else this.#world.stuck.delete(address);
    if (isAsked) await this.#decide(address);
    else this.#world.reading.get(address)?.();
    if (stopped !== undefined) this.#ends(address, 'cancelled', { why: stopped });
    else if (fails) this.#ends(address, 'failed', { why: 'Broken: injected', applied: false });
    else {
      const status = this.#effectOf(leaf) === 'contain' ? 'held' : 'done';
      this.#ends(address, status, { verdict: 'verified', outputs, applied: true });
    }
  }

  #effectOf({ step }: Leaf): Effect | undefined {
    return step.kind === 'action' ? this.#opened.input.playbook.actions[step.uses]?.effect : undefined;
  }

  #ends(
    step: string,
    status: StepStatus,
    more: { why?: string; verdict?: string; outputs?: JsonObject; applied?: boolean },
  ): void {
    met.statuses.add(status);
    const { applied, ...rest } = more;
    const leaf = this.#model.running().find(({ address }) => address === step);
    const isUndone = leaf?.step.kind === 'action' && leaf.step.undo === 'on-failure';
    const counts = isUndone && this.#effectOf(leaf) === 'reversible';
    this.#model.end({
      step,
      status,
      verdict: '',
      outputs: {},
      ...rest,
      ...(counts && applied !== undefined ? { applied } : {}),
    });
  }

  async #deny(address: string): Promise<void> {
    await this.#opened.decide('ada', { gate: await this.#gate(address), verdict: 'deny', reason: 'no' });
    this.#ends(address, 'denied', { why: 'Ada denied it: no' });
  }

  async #decide(address: string, answers?: JsonObject): Promise<void> {
    const gate = await this.#gate(address);
    await this.#opened.decide('ada', { gate, ...(answers === undefined ? {} : { answers }) });
  }

  async #gate(address: string): Promise<string> {
    const { gates } = await this.#opened.view();
    const found = gates.find(({ gate }) => addressOf(gate.id) === address);
    if (found === undefined) throw new Error(`nobody is asked about ${address}`);
    return found.gate.id;
  }

  /** What contains stands until a person releases it, however the playbook ended; and where that fails, until it is asked again. */
  async release(): Promise<void> {
    const held = this.#model.held();
    const standing = [...this.#world.applied].filter(([, effect]) => effect === 'contain');
    expect(standing.map(([address]) => address)).toEqual(expect.arrayContaining(held));
    while (await this.#isHeld()) {
      await this.#releaseOnce();
      this.#world.stuck.clear();
    }
    expect([...this.#world.applied.values()]).not.toContain('contain');
    const { steps } = await this.#opened.view();
    const released = steps.filter(({ status }) => status === 'released').map(({ id }) => id);
    expect(released).toEqual(expect.arrayContaining(held));
  }

  async #isHeld(): Promise<boolean> {
    const { steps } = await this.#opened.view();
    return steps.some(({ holdUntil }) => holdUntil !== undefined);
  }

  async #releaseOnce(): Promise<void> {
    met.releases += 1;
    // A cancel that undoes has asked for it already.
    if (!(await this.#opened.view()).gates.some(isRelease)) await this.#opened.command('ada', 'release');
    const { gates } = await this.#opened.until((view) => view.gates.some(isRelease));
    const asked = gates.find(isRelease)?.gate.id ?? '';
    await this.#opened.decide('ben', { gate: asked });
    await this.#opened.until(({ status }) => status === 'holding' || status === 'closed');
  }

  async #cancel(): Promise<void> {
    met.cancels += 1;
    const undo = this.#random() < 0.5;
    await this.#opened.cancel('ada', undo ? 'undo' : 'stop');
    this.#model.stop({ why: 'ada cancelled it', running: 'stop', undo, always: true });
  }
}

function isRelease({ gate }: GateView): boolean {
  return gate.purpose === 'release';
}
