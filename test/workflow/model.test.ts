import { afterAll, afterEach, expect, test } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import type { StepStatus } from '../../domain/incident.ts';
import { jsonCopy, type JsonObject } from '../../domain/json.ts';
import type { Playbook } from '../../language/run/playbook.ts';
import { whyNoTimeSkipping } from '../../testbed/time-skipping.ts';
import type { Facts, Leaf } from '../../workflows/interpreter/types.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { addressOf, answersTo, isAsked, Model, yielded, type Ending } from '../support/lockstep.ts';
import { steerable } from '../support/model-playbook.ts';
import { ModelWorld } from '../support/model-world.ts';
import { randomPlaybook } from '../support/random-playbooks.ts';
import { progress, reportSoak, seeded, soakOf } from '../support/soak.ts';

const { seeds } = soakOf(15);
const obstacle = await whyNoTimeSkipping();
if (obstacle !== undefined) process.stderr.write(`test/workflow/model: no time is skipped: ${obstacle}\n`);

/** Seeds that go wrong before it is given up. */
const maxWrong = 5;

const engines = new Map<boolean, Engine>();
async function engineFor(timed: boolean): Promise<Engine> {
  const engine = engines.get(timed) ?? (await Engine.start({ timeSkipping: timed, log: 'ERROR' }));
  engines.set(timed, engine);
  return engine;
}
afterEach(async () => {
  for (const engine of engines.values()) await engine.rest();
});
afterAll(async () => {
  for (const engine of engines.values()) await engine.stop();
});

/** What the runs have met, so that a model that never leaves the easy way is seen. */
const met = { ends: 0, skips: 0, cancels: 0, statuses: new Set<StepStatus>(), kinds: new Set<string>() };

function factsOf({ input }: OpenIncident): Facts {
  const { alert, incident, inputs, mode, requester, severity, title } = input;
  return {
    inputs,
    alert: alert === null ? {} : jsonCopy(alert),
    incident: { id: incident, title, severity, mode, requester },
  };
}

/** One random playbook, run by the pure interpreter and by a real incident, step by step side by side. */
class Run {
  readonly #engine: Engine;
  readonly #opened: OpenIncident;
  readonly #model: Model;
  readonly #world: ModelWorld;
  readonly #random: () => number;
  readonly #timed: boolean;

  constructor(engine: Engine, opened: OpenIncident, world: ModelWorld, random: () => number, timed: boolean) {
    this.#engine = engine;
    this.#opened = opened;
    this.#model = new Model(opened.input.playbook, factsOf(opened));
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

  /** Until the incident stands as the model does. @throws with how they differ, after 30 s */
  async #meet(): Promise<void> {
    const end = Date.now() + 30_000;
    for (;;) {
      await this.#follow();
      const view = await this.#opened.view();
      const difference = this.#model.difference(view, this.#world.reading.keys());
      if (difference === undefined) return;
      if (Date.now() > end) throw new Error(`the incident does not do as the model does\n${difference}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** @returns the model's trace */
  async toEnd(): Promise<Ending[]> {
    this.#model.advance(await this.#now());
    let cancelled = false;
    for (;;) {
      await this.#meet();
      if (this.#model.ended) return this.#model.trace;
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
    const reading = running.find((leaf) => !isAsked(leaf));
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
    if (isAsked(leaf) && this.#random() < 0.15) return this.#deny(address);
    const fails = this.#random() < 0.3;
    const outputs = { ok: true, n: Math.floor(this.#random() * 4) };
    this.#world.directives.set(address, fails ? { fails: 'injected' } : { outputs });
    const stopped = this.#model.stoppedFor(address);
    if (isAsked(leaf)) await this.#decide(address);
    else this.#world.reading.get(address)?.();
    if (stopped !== undefined) this.#ends(address, 'cancelled', { why: stopped });
    else if (fails) this.#ends(address, 'failed', { why: 'Broken: injected', applied: false });
    else this.#ends(address, 'done', { verdict: 'verified', outputs, applied: true });
  }

  #ends(
    step: string,
    status: StepStatus,
    more: { why?: string; verdict?: string; outputs?: JsonObject; applied?: boolean },
  ): void {
    met.statuses.add(status);
    const { applied, ...rest } = more;
    const leaf = this.#model.running().find(({ address }) => address === step)?.step;
    const effect =
      leaf?.kind === 'action' ? this.#opened.input.playbook.actions[leaf.uses]?.effect : undefined;
    const counts = leaf?.kind === 'action' && leaf.undo === 'on-failure' && effect === 'reversible';
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

  async #cancel(): Promise<void> {
    met.cancels += 1;
    const undo = this.#random() < 0.5;
    await this.#opened.cancel('ada', undo ? 'undo' : 'stop');
    this.#model.stop({ why: 'ada cancelled it', running: 'stop', undo, always: true });
  }
}

/** Every run of an incident, replayed by today's workflows. */
async function replay(engine: Engine, { handle, workflowId }: OpenIncident): Promise<void> {
  const { code } = await engine.bundle();
  let runId: string | null | undefined = handle.firstExecutionRunId;
  while (typeof runId === 'string' && runId !== '') {
    const history = await engine.client.workflow.getHandle(workflowId, runId).fetchHistory();
    await Worker.runReplayHistory({ workflowBundle: code }, history, workflowId);
    runId = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
}

/**
 * The ends that are no attempt's before another. When a failed attempt is recorded beside others' ends nobody outside can see, for the step still runs:
 * the driver may release the next leaf before it; each step's own ends are compared in order all the same.
 */
function final<E extends readonly unknown[]>(ends: readonly E[]): E[] {
  return ends.filter(([step], index) => !ends.slice(index + 1).some(([later]) => later === step));
}

async function tryOne(seed: number): Promise<void> {
  // On every second seed the clock of the server is skipped; without that server, times are left out.
  const timed = obstacle === undefined && seed % 2 === 0;
  const isChain = !timed && seed % 3 === 0;
  const engine = await engineFor(timed);
  const random = seeded(seed);
  const playbook: Playbook = steerable(randomPlaybook(random), !timed);
  const world = new ModelWorld();
  const actions = Object.values(playbook.actions).map((action) => world.action(action));
  await engine.work(actions);
  const opened = await engine.open({
    actions,
    playbook,
    // Not on the time-skipping server: there a run that continued as new was seen to hang.
    ...(isChain ? { continueAfter: 60 } : {}),
  });
  const trace = await new Run(engine, opened, world, random, timed).toEnd();
  await opened.handle.result();
  const entries = await engine.state.ledger.read(opened.incident);
  const recorded = entries
    .filter(({ kind }) => kind === 'step.ended')
    .map(({ data }) => [data['step'], data['status'], data['why'], data['verdict']]);
  expect(final(recorded)).toEqual(final(trace));
  for (const address of new Set(trace.map(([step]) => step)))
    expect(recorded.filter(([step]) => step === address)).toEqual(trace.filter(([step]) => step === address));
  if (!isChain) await checkLedger(engine, opened);
  await replay(engine, opened);
  for (const { kind, action } of (await opened.view()).steps) met.kinds.add(kind ?? action);
  await engine.rest();
}

test(
  'a random playbook goes the same way in the interpreter and on a server, and each history replays',
  async () => {
    const wrong: string[] = [];
    for (const [index, seed] of seeds.entries()) {
      try {
        await tryOne(seed);
      } catch (error) {
        wrong.push(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
        if (wrong.length === maxWrong) break;
        // What was left unfinished must not disturb the next.
        for (const engine of engines.values()) await engine.stop();
        engines.clear();
      }
      progress(index + 1, seeds.length, 'model');
    }
    expect(wrong).toEqual([]);
    expect(met.ends).toBeGreaterThan(seeds.length);
    reportSoak({
      'leaves ended': met.ends,
      'skips of time': met.skips,
      cancels: met.cancels,
      statuses: [...met.statuses].toSorted().join('/'),
    });
  },
  60_000 + seeds.length * 30_000,
);
