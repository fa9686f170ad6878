import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import type { Alert } from '../../domain/alert.ts';
import { gateDigest, type Command, type Decision } from '../../domain/decision.ts';
import type { IncidentView } from '../../domain/incident.ts';
import { alertsSignal, commandUpdate, decideUpdate, statusQuery } from '../../workflows/contract.ts';
import { alertFor } from './alert.ts';
import { people, type Engine, type OpenIncident } from './engine.ts';
import type { FromChild, FromParent, WorkerSettings } from './engine-process.ts';
import type { Watch } from './watch.ts';

/** Groups by person id. */
export type PersonGroups = { [person: string]: string[] };

const entry = fileURLToPath(new URL('engine-process.ts', import.meta.url));

/** What every worker process of an engine is given, but for its world. */
export async function settingsFor(engine: Engine, world: WorkerSettings['world']): Promise<WorkerSettings> {
  const bundle = await engine.bundle();
  const bundleFile = join(engine.dir, 'bundle.json');
  await writeFile(bundleFile, JSON.stringify(bundle.code));
  return {
    address: engine.temporal.address,
    taskQueue: engine.taskQueue,
    stateDir: engine.dir,
    bundleFile,
    bundleDigest: bundle.digest,
    people: Object.fromEntries(people.map(({ id, groups }) => [id, groups])),
    world,
  };
}

/** A worker in a process of its own, which asks a Watch at every boundary. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, exited: Promise<unknown>) {
    this.#child = child;
    this.#exited = exited;
  }

  /** Resolves once it polls. */
  static async start(settings: WorkerSettings, watch: Watch): Promise<EngineProcess> {
    const child = fork(entry, [], {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr?.on('data', (data: Buffer) => (said = `${said}${data.toString()}`.slice(-4000)));
    const exited = once(child, 'exit');
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message: FromChild) => {
        if (message.type === 'ready') return resolve();
        void watch.reached(message.at).then(() => send({ type: 'go', id: message.id }));
      });
      void exited.then(() => reject(new Error(`the worker process ended: ${said}`)));
    });
    function send(message: FromParent): void {
      if (child.connected) child.send(message);
    }
    send({ type: 'settings', settings });
    await ready;
    return new EngineProcess(child, exited);
  }

  /** SIGKILL: no goodbye to anybody. May be repeated. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** Asks again while no worker answers; what a workflow refuses is thrown. */
async function patiently<T>(client: Client, what: string, run: () => Promise<T>): Promise<T> {
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      return await client.withDeadline(Date.now() + 4_000, run);
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError) throw error;
      if (Date.now() > end) throw new Error(`${what}: no answer for a minute`, { cause: error });
    }
  }
}

/** What people do about one incident, whatever happens to the worker meanwhile. */
export interface Responders {
  /** Asks again and again until `test` holds. @throws with the last view, after two minutes */
  until(what: string, test: (view: IncidentView) => boolean): Promise<IncidentView>;
  /** Answers a gate once it is open. */
  approve(person: string, gate: string): Promise<void>;
  signal(name: string, argument: unknown): Promise<void>;
  /** Ada asks for the release, Ben approves it. */
  release(): Promise<void>;
  result(): Promise<unknown>;
}

export function respondersOf(
  watch: Watch,
  { engine, handle, incident, workflowId }: OpenIncident,
): Responders {
  const { client } = engine;
  const sign = engine.state.gatewaySigner;

  async function until(what: string, test: (view: IncidentView) => boolean): Promise<IncidentView> {
    const end = Date.now() + 120_000;
    for (;;) {
      await watch.free(workflowId);
      const view = await patiently(client, what, () => handle.query<IncidentView>(statusQuery));
      if (test(view)) return view;
      if (Date.now() > end) throw new Error(`${what} never came: ${JSON.stringify(view, undefined, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  async function update(name: string, updateId: string, document: unknown): Promise<void> {
    await patiently(client, updateId, () => handle.executeUpdate(name, { args: [document], updateId }));
  }

  async function approve(person: string, id: string): Promise<void> {
    const view = await until(`gate ${id}`, ({ gates }) => gates.some(({ gate }) => gate.id === id));
    const gate = view.gates.find((open) => open.gate.id === id)?.gate;
    if (gate === undefined) throw new Error(`no gate ${id}`);
    const decision: Decision = {
      type: 'firebreak/decision/v1',
      incident,
      gate: id,
      digest: gateDigest(gate),
      verdict: 'approve',
      person,
      via: 'api',
      at: new Date().toISOString(),
    };
    await update(decideUpdate, `${id}/${person}`, await sign.sign(decision));
  }

  return {
    until,
    approve,
    signal: (name, argument) => patiently(client, name, () => handle.signal(name, argument)),
    async release() {
      const nonce = randomBytes(8).toString('hex');
      const command: Command = {
        type: 'firebreak/command/v1',
        incident,
        command: 'release',
        person: 'ada',
        reason: 'clean again',
        via: 'api',
        at: new Date().toISOString(),
        nonce,
      };
      await update(commandUpdate, nonce, await sign.sign(command));
      await approve('ben', 'release');
    },
    async result() {
      await watch.free(workflowId);
      return handle.result();
    },
  };
}

/**
 * Takes an incident from its first question to its end, whatever happens to the worker meanwhile: Ada approves, 45 further alerts join, Ada asks for
 * the release, Ben approves it.
 */
export async function drive(
  watch: Watch,
  opened: OpenIncident,
  contained: (view: IncidentView) => void | Promise<void> = () => undefined,
): Promise<unknown> {
  const people = respondersOf(watch, opened);
  await people.approve('ada', 's1');
  await contained(await people.until('holding', ({ status }) => status === 'holding'));
  // More entries than may wait: they are stored by an activity of their own.
  const alerts: Alert[] = Array.from({ length: 45 }, (_, index) =>
    alertFor('more', 'falco', `more-${index}`),
  );
  const { count } = (await people.until('a view', () => true)).ledger;
  await people.signal(alertsSignal, alerts);
  await people.until('the alerts', (view) => view.ledger.count > count + alerts.length);
  await people.release();
  return people.result();
}

/** An incident that is stopped at a place on its way. */
export interface Stopped<T> {
  workflowId: string;
  place: string;
  driving: Promise<T>;
}

/**
 * Kills the worker once each of its incidents stands at the place that it is stopped at, and lets them go on under another.
 * @returns how each ended, in their order
 * @throws when one ends without having been at its place
 */
export async function killAllStanding<T>(
  watch: Watch,
  worker: EngineProcess,
  stopped: readonly Stopped<T>[],
  begin: () => Promise<EngineProcess>,
): Promise<{ worker: EngineProcess; ended: PromiseSettledResult<T>[] }> {
  const endings = Promise.allSettled(stopped.map(({ driving }) => driving));
  await Promise.all(
    stopped.map(({ workflowId, place, driving }) => standsAt(watch, workflowId, place, driving)),
  );
  await worker.kill();
  watch.open();
  const next = await begin();
  return { worker: next, ended: await endings };
}

/** Resolves once an incident stands at the place that it is stopped at. @throws when it ends without having been there */
async function standsAt(
  watch: Watch,
  workflowId: string,
  place: string,
  driving: Promise<unknown>,
): Promise<void> {
  const over = async (): Promise<never> => {
    throw new Error(`it ended as ${String(await driving)} and never came to ${place}`);
  };
  await Promise.race([watch.arrived(workflowId), over()]);
}
