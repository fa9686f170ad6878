import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { InternalConnectionOptionsSymbol } from '@temporalio/client/lib/connection.js';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { DefaultLogger, NativeConnection, Runtime, type LogLevel, type Worker } from '@temporalio/worker';
import type { Action } from '../../domain/action.ts';
import {
  gateDigest,
  type Cancellation,
  type Command,
  type Decision,
  type Gate,
  type Mode,
  type Opening,
} from '../../domain/decision.ts';
import type { IncidentView, Policy } from '../../domain/incident.ts';
import { digest, sha256, type Digest, type JsonObject } from '../../domain/json.ts';
import type { Signed } from '../../domain/signature.ts';
import type { Approval } from '../../domain/person.ts';
import { walkSteps, type ActionStep, type Playbook } from '../../language/run/playbook.ts';
import { openState, type State } from '../../stores/index.ts';
import { alertFor } from './alert.ts';
import { houseOf } from './house.ts';
import { startTemporal, type Temporal } from '../../testbed/temporal.ts';
import { startTimeSkipping } from '../../testbed/time-skipping.ts';
import { bundleWorkflows, type WorkflowBundle } from '../../worker/bundle.ts';
import type { Boundary } from '../../worker/verbs.ts';
import { createWorker } from '../../worker/worker.ts';
import {
  commandUpdate,
  decideUpdate,
  incidentWorkflow,
  incidentWorkflowId,
  statusQuery,
  type IncidentArguments,
} from '../../workflows/contract.ts';

export const people: Policy['people'] = [
  { id: 'ada', name: 'Ada', groups: ['responders'] },
  { id: 'ben', name: 'Ben', groups: ['responders'] },
  { id: 'eve', name: 'Eve', groups: ['leads'] },
  { id: 'zoe', name: 'Zoe', groups: [] },
];

/** A real Temporal, real stores and a worker in this process: all of an incident but the gateway and the world. */
export class Engine {
  readonly temporal: Omit<Temporal, 'start'>;
  readonly dir: string;
  readonly state: State;
  readonly client: Client;
  readonly taskQueue: string;
  readonly #native: NativeConnection;
  readonly #connection: Connection;
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;
  static #bundle: Promise<WorkflowBundle> | undefined;
  static #hasRuntime = false;

  private constructor(parts: {
    temporal: Omit<Temporal, 'start'>;
    dir: string;
    state: State;
    connection: Connection;
    native: NativeConnection;
  }) {
    this.temporal = parts.temporal;
    this.dir = parts.dir;
    this.state = parts.state;
    this.#connection = parts.connection;
    this.#native = parts.native;
    this.client = new Client({ connection: parts.connection });
    this.taskQueue = `test-${randomBytes(4).toString('hex')}`;
  }

  /** `timeSkipping`: on the server whose time `pass` moves. `log`: of the first engine of a process. */
  static async start({
    timeSkipping = false,
    log = 'WARN',
  }: { timeSkipping?: boolean; log?: LogLevel } = {}): Promise<Engine> {
    // One a process.
    if (!Engine.#hasRuntime) Runtime.install({ shutdownSignals: [], logger: new DefaultLogger(log) });
    Engine.#hasRuntime = true;
    const temporal = await (timeSkipping ? startTimeSkipping() : startTemporal());
    const dir = await mkdtemp(join(tmpdir(), 'firebreak-engine-'));
    const state = await openState(dir, {
      maxTotalBytes: 1e9,
      maxArtefactBytes: 1e8,
      maxRefusalsPerMinute: 1000,
    });
    const test = { [InternalConnectionOptionsSymbol]: { supportsTestService: timeSkipping } };
    const connection = await Connection.connect({ ...test, address: temporal.address });
    const native = await NativeConnection.connect({ address: temporal.address });
    return new Engine({ temporal, dir, state, connection, native });
  }

  /** The server's clock. */
  async now(): Promise<Date> {
    const answer = await this.#connection.testService?.getCurrentTime({});
    return answer === undefined ? new Date() : new Date(tsToMs(answer.time));
  }

  /** Lets the time-skipping server's clock go on by so much: every timer that falls due meanwhile fires. */
  async pass(ms: number): Promise<void> {
    const { testService } = this.#connection;
    if (testService === undefined)
      throw new Error('time can only be skipped by Engine.start({ timeSkipping: true })');
    await testService.unlockTimeSkippingWithSleep({ duration: msToTs(ms) });
  }

  bundle(): Promise<WorkflowBundle> {
    return (Engine.#bundle ??= bundleWorkflows());
  }

  async work(actions: readonly Action[], atBoundary?: (at: Boundary) => Promise<void>): Promise<void> {
    this.#worker = await createWorker({
      connection: this.#native,
      client: this.client,
      namespace: 'default',
      taskQueue: this.taskQueue,
      bundle: await this.bundle(),
      actions,
      state: this.state,
      slack: { client: null },
      house: houseOf((id) => people.find((person) => person.id === id)?.groups),
      ...(atBoundary === undefined ? {} : { atBoundary }),
    });
    this.#running = this.#worker.run();
  }

  async rest(): Promise<void> {
    this.#worker?.shutdown();
    await this.#running;
    this.#worker = undefined;
  }

  async stop(): Promise<void> {
    await this.rest();
    await this.state.accessLog.close();
    await this.#connection.close();
    await this.#native.close();
    await this.temporal.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  policy(over: Partial<Policy> = {}): Policy {
    const approval = { from: ['responders'], count: 1, withinMs: 60_000, otherwise: 'escalate' as const };
    return {
      people,
      gatewayKeys: [this.state.gatewaySigner.publicKey],
      guardrails: { protectedNamespaces: ['payments'], maxNamespaces: 1, maxPods: 100, automatic: [] },
      approval,
      release: approval,
      escalation: ['leads'],
      channel: '',
      holdMs: 3_600_000,
      ...over,
    };
  }

  async open(options: {
    actions: readonly Action[];
    /** Of a playbook of actions one after the other; what is left out is the first action, on the incident's namespace. */
    steps?: Partial<ActionStep>[];
    /** A whole one, in place of `steps`. Its `actions` are filled in. */
    playbook?: Pick<Playbook, 'steps'> & Partial<Playbook>;
    inputs?: JsonObject;
    mode?: Mode;
    namespace?: string;
    policy?: Partial<Policy>;
    requester?: string;
    unsigned?: boolean;
    /** What somebody with access to Temporal makes of the input after it was signed. */
    forge?: (input: IncidentArguments) => IncidentArguments;
    key?: string;
    /** Events after which a run continues as new. */
    continueAfter?: number;
  }): Promise<OpenIncident> {
    const { actions, mode = 'approve', namespace = 'shop', requester = 'falco' } = options;
    const key = sha256(options.key ?? randomBytes(8).toString('hex'));
    const workflowId = incidentWorkflowId(key);
    const incident = `inc-${workflowId.slice('incident/'.length)}-abcdef`;
    const playbook: Playbook = {
      schema: 'firebreak/playbook/v1',
      id: 'T-1',
      name: 'Test',
      version: 1,
      description: '',
      inputs: {},
      steps: (options.steps ?? [{}]).map((step, index): ActionStep => ({
        kind: 'action',
        id: `s${index + 1}`,
        uses: actions[0]?.name ?? '',
        with: { literal: { cluster: 'c1', namespace } },
        needs: index === 0 ? [] : [`s${index}`],
        undo: 'never',
        ...step,
      })),
      actions: Object.fromEntries(
        actions.map(({ name, effect, timing, holds }) => [
          name,
          { name, effect, timing, holds, input: {}, outputs: {} },
        ]),
      ),
      ...options.playbook,
    };
    const inputs = options.inputs ?? {};
    const policy = this.policy(options.policy);
    const opening: Opening = {
      type: 'firebreak/opening/v1',
      incident,
      playbook: digest(playbook),
      inputs: digest(inputs),
      mode,
      severity: 'critical',
      requester,
      about: { cluster: 'c1', namespace },
      approvals: approvalsOf(playbook, policy.approval),
      release: policy.release,
      at: (await this.now()).toISOString(),
    };
    const signed: Signed<Opening> =
      options.unsigned === true
        ? {
            payload: opening,
            keyId: this.state.gatewaySigner.publicKey.id,
            signature: Buffer.alloc(64).toString('base64'),
          }
        : await this.state.gatewaySigner.sign(opening);
    const genuine: IncidentArguments = {
      incident,
      key,
      title: `Test in ${namespace}`,
      severity: 'critical',
      mode,
      alert: alertFor(namespace, requester),
      playbook,
      playbookDigest: digest(playbook),
      inputs,
      policy,
      opening: signed,
      requester,
      ...(options.continueAfter === undefined ? {} : { continueAfter: options.continueAfter }),
    };
    const input = options.forge?.(genuine) ?? genuine;
    const handle = await this.client.workflow.start(incidentWorkflow, {
      workflowId,
      taskQueue: this.taskQueue,
      args: [input],
      memo: { incident, alert: 'first' },
    });
    return new OpenIncident(this, input, workflowId, handle);
  }
}

function approvalsOf(playbook: Playbook, usual: Approval): Opening['approvals'] {
  const approvals: Opening['approvals'] = {};
  for (const { path, step } of walkSteps(playbook)) {
    if (step.kind === 'action') approvals[path] = step.approve ?? usual;
    if (step.kind === 'approve') approvals[path] = step.approve;
    if (step.kind === 'ask')
      approvals[path] = { from: step.from, count: 1, withinMs: step.withinMs, otherwise: 'deny' };
  }
  return approvals;
}

type Handle = Awaited<ReturnType<Client['workflow']['start']>>;

export class OpenIncident {
  readonly engine: Engine;
  readonly incident: string;
  /** What it was opened with. */
  readonly input: IncidentArguments;
  readonly workflowId: string;
  readonly handle: Handle;

  constructor(engine: Engine, input: IncidentArguments, workflowId: string, handle: Handle) {
    this.engine = engine;
    this.incident = input.incident;
    this.input = input;
    this.workflowId = workflowId;
    this.handle = handle;
  }

  view(): Promise<IncidentView> {
    return this.handle.query<IncidentView>(statusQuery);
  }

  /** Polls until `test` holds. @throws with the last view when it does not within 20 s */
  async until(test: (view: IncidentView) => boolean): Promise<IncidentView> {
    const end = Date.now() + 20_000;
    for (;;) {
      const view = await this.view();
      if (test(view)) return view;
      if (Date.now() > end) throw new Error(`never came: ${JSON.stringify(view, undefined, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  async gate(id?: string): Promise<{ gate: Gate; digest: Digest }> {
    const view = await this.until(({ gates }) =>
      gates.some(({ gate }) => id === undefined || gate.id === id),
    );
    const found = view.gates.find(({ gate }) => id === undefined || gate.id === id);
    if (found === undefined) throw new Error('no gate');
    return found;
  }

  async decide(person: string, over: Partial<Decision> & { sign?: boolean } = {}): Promise<unknown> {
    const { gate } = await this.gate(over.gate);
    const { sign = true, ...rest } = over;
    const decision: Decision = {
      type: 'firebreak/decision/v1',
      incident: this.incident,
      gate: gate.id,
      digest: gateDigest(gate),
      verdict: 'approve',
      person,
      via: 'api',
      at: (await this.engine.now()).toISOString(),
      ...rest,
    };
    const { gatewaySigner } = this.engine.state;
    const signed = sign
      ? await gatewaySigner.sign(decision)
      : {
          payload: decision,
          keyId: gatewaySigner.publicKey.id,
          signature: Buffer.alloc(64).toString('base64'),
        };
    return this.handle.executeUpdate(decideUpdate, {
      args: [signed],
      updateId: randomBytes(8).toString('hex'),
    });
  }

  /** Fills in a form. */
  answer(person: string, gate: string, answers: JsonObject): Promise<unknown> {
    return this.decide(person, { gate, answers });
  }

  cancel(person: string, then: Cancellation, reason = 'because'): Promise<unknown> {
    return this.command(person, 'cancel', reason, then);
  }

  async command(
    person: string,
    command: Command['command'],
    reason = 'because',
    then?: Cancellation,
  ): Promise<unknown> {
    const nonce = randomBytes(8).toString('hex');
    const signed = await this.engine.state.gatewaySigner.sign<Command>({
      type: 'firebreak/command/v1',
      incident: this.incident,
      command,
      // oxlint-disable-next-line unicorn/no-thenable -- the command's own key
      ...(then === undefined ? {} : { then }),
      person,
      reason,
      via: 'api',
      at: (await this.engine.now()).toISOString(),
      nonce,
    });
    return this.handle.executeUpdate(commandUpdate, { args: [signed], updateId: nonce });
  }

  /** Asked for by `ada`, approved by `ben`. */
  async release(): Promise<void> {
    await this.command('ada', 'release');
    await this.decide('ben', { gate: 'release' });
  }
}
