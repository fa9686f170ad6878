import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Alert } from '../domain/alert.ts';
import { digest, type Digest } from '../domain/json.ts';
import { incidentWorkflowId, type IncidentArguments } from '../workflows/contract.ts';
import type { OpeningRequest } from './opening.ts';
import { Problem } from './problem.ts';
import { Recent } from './recent.ts';
import {
  AlreadyOpen,
  NotOpen,
  TemporalUnavailable,
  type IncidentPort,
  type IncidentRun,
} from './temporal-port.ts';

/** What became of an alert once it was durable. `duplicate`: this very alert was durable before. */
export interface Intake {
  incident: string;
  status: 'opened' | 'joined' | 'duplicate';
}

export interface IntakeOptions {
  incidents: Pick<IncidentPort, 'start' | 'describe' | 'signal'>;
  /** Completes and signs an incident's input. */
  prepare: (
    request: OpeningRequest,
    incident: string,
    predecessor: string | undefined,
  ) => Promise<IncidentArguments>;
  queuedPerKey: number;
  queued: number;
  /** Milliseconds between two signals to one incident; more as its history grows, of which each signal takes some. */
  paceMs?: number;
  /** Milliseconds that an alert waits for an incident that is being sealed, to open its successor. */
  closingMs?: number;
  /** For tests. */
  randomId?: () => string;
}

/** Characters of JSON in one signal: a payload may have 2 MB. */
const maxBatch = 500_000;
const maxBatchAlerts = 200;
/**
 * From here on a run is sent no more alerts: the server ends one at 51,200 events or 50 MB, and with it goes the hold that it has. Their bodies are
 * evidence of the incident, which by then only counts them.
 */
const fullEvents = 10_000;
const fullBytes = 10_000_000;
/** Events after which a run has earned the whole pace between any two signals; at ten times as many, ten times the pace. */
const paceEvents = 1_000;
const closingPollMs = 200;
const remembered = 20_000;
const openKept = 10_000;
/** Rounds of start → already open → signal → closed meanwhile. More than a few means something else is wrong. */
const maxRounds = 5;

interface Waiting {
  request: OpeningRequest & { alert: Alert };
  resolve: (intake: Intake) => void;
  reject: (error: unknown) => void;
}

interface Lane {
  waiting: Waiting[];
  lastSignal: number;
}

/**
 * Brings alerts to incidents: the first of a key starts one, later ones reach it by signals, of which at most one a key is in flight and which carry
 * all that came in meanwhile (group commit). Nothing is answered before it is durable in Temporal.
 */
export class AlertIntake {
  readonly #options: IntakeOptions;
  readonly #lanes = new Map<Digest, Lane>();
  /** (key, alert) → incident, for alerts known to be durable: a flood of copies reaches Temporal once. */
  readonly #durable = new Recent<string>(remembered);
  readonly #open = new Recent<IncidentRun>(openKept);
  /** Epoch milliseconds before which a key is sent no signal. It outlives the lane: a detector may post one alert after the other. */
  readonly #spared = new Recent<number>(openKept);
  #queued = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the alert is durable.
   * @throws Problem FB1402 when too many wait, FB1401 when Temporal cannot be reached; then the alert was not answered for and may be sent again.
   */
  take(request: OpeningRequest & { alert: Alert }): Promise<Intake> {
    const { key } = request;
    const known = this.#durable.get(durableKey(key, request.alert));
    if (known !== undefined) return Promise.resolve({ incident: known, status: 'duplicate' });
    const lane = this.#lanes.get(key);
    if (this.#queued >= this.#options.queued || (lane?.waiting.length ?? 0) >= this.#options.queuedPerKey) {
      return Promise.reject(
        new Problem(503, 'FB1402', 'too many alerts are waiting to be stored; send it again', {
          retryAfter: 2,
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queued += 1;
      const waiting = { request, resolve, reject };
      if (lane !== undefined) {
        lane.waiting.push(waiting);
        return;
      }
      const fresh: Lane = { waiting: [waiting], lastSignal: 0 };
      this.#lanes.set(key, fresh);
      void this.#drain(key, fresh);
    });
  }

  /**
   * Opens an incident by hand.
   * @throws Problem FB1213 when one with the same key is open.
   */
  async open(request: OpeningRequest): Promise<Intake> {
    const workflowId = incidentWorkflowId(request.key);
    try {
      const run = await this.#options.incidents.describe(workflowId);
      if (run?.open === true) throw alreadyOpen(run.incident);
      const incident = await this.#start(request, run?.incident);
      return { incident, status: 'opened' };
    } catch (error) {
      if (!(error instanceof AlreadyOpen)) throw asProblem(error);
      const run = await this.#options.incidents.describe(workflowId).catch((cause: unknown) => {
        throw asProblem(cause);
      });
      throw alreadyOpen(run?.incident);
    }
  }

  /** Empties one key's queue, batch by batch, and then forgets the lane. Never rejects: each waiting call is told by itself. */
  async #drain(key: Digest, lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      const { paceMs = 200 } = this.#options;
      const pause = Math.max(lane.lastSignal + paceMs, this.#spared.get(key) ?? 0) - Date.now();
      if (pause > 0) await sleep(pause);
      this.#answerCopies(key, lane);
      const batch = takeBatch(lane.waiting);
      if (batch.length === 0) break;
      try {
        const { incident, opener, before } = await this.#commit(key, batch, lane);
        for (const waiting of batch) {
          this.#durable.set(durableKey(key, waiting.request.alert), incident);
          waiting.resolve({ incident, status: statusOf(waiting, batch, opener, before) });
        }
      } catch (error) {
        const problem = asProblem(error);
        for (const waiting of batch) waiting.reject(problem);
      } finally {
        this.#queued -= batch.length;
      }
    }
    this.#lanes.delete(key);
  }

  /** Answers those whose alert became durable while they waited. */
  #answerCopies(key: Digest, lane: Lane): void {
    lane.waiting = lane.waiting.filter(({ request, resolve }) => {
      const incident = this.#durable.get(durableKey(key, request.alert));
      if (incident === undefined) return true;
      this.#queued -= 1;
      resolve({ incident, status: 'duplicate' });
      return false;
    });
  }

  /** Makes a batch durable. `opener`: whose alert opened the incident; `before`: identity of an alert that had opened it earlier. */
  async #commit(
    key: Digest,
    batch: Waiting[],
    lane: Lane,
  ): Promise<{ incident: string; opener?: Waiting; before?: string }> {
    const { incidents } = this.#options;
    const workflowId = incidentWorkflowId(key);
    const [first] = batch;
    if (first === undefined) throw new TypeError('an empty batch');
    for (let round = 0; round < maxRounds; round++) {
      const run = this.#open.get(key) ?? (await incidents.describe(workflowId));
      const before = run === undefined || run.firstAlert === '' ? undefined : run.firstAlert;
      if (run?.open === true) {
        const alerts = distinct(batch, before);
        const joined = alerts.length === 0 || (await this.#join(key, run, alerts, lane));
        if (joined) return { incident: run.incident, ...(before === undefined ? {} : { before }) };
        this.#open.delete(key);
        await this.#untilClosed(workflowId, run.runId);
        continue;
      }
      // A copy that is redelivered after its incident has closed opens nothing anew.
      if (run !== undefined && before !== undefined && distinct(batch, before).length === 0) {
        return { incident: run.incident, before };
      }
      const opener = batch.find(({ request }) => identity(request.alert) !== before) ?? first;
      try {
        const incident = await this.#start(opener.request, run?.incident);
        const others = distinct(batch, identity(opener.request.alert));
        if (others.length === 0) return { incident, opener };
        const started = this.#open.get(key);
        if (started === undefined || (await this.#join(key, started, others, lane)))
          return { incident, opener };
        this.#open.delete(key);
        await this.#untilClosed(workflowId, started.runId);
      } catch (error) {
        // Either somebody else opened it just now, or it has closed already: look again.
        if (!(error instanceof AlreadyOpen || error instanceof NotOpen)) throw error;
        this.#open.delete(key);
      }
    }
    throw new TemporalUnavailable('the incident keeps changing under the alert');
  }

  /**
   * Hands alerts to a run, and looks whether it took them: one that began to close before they came does not, and one with a full history is spared.
   * @returns false when they need a successor
   */
  async #join(key: Digest, run: IncidentRun, alerts: Alert[], lane: Lane): Promise<boolean> {
    const { incidents, paceMs = 200 } = this.#options;
    const workflowId = incidentWorkflowId(key);
    if (run.closing) return false;
    try {
      if (!isFull(run)) await incidents.signal(workflowId, run.runId, alerts.map(slim));
    } catch (error) {
      if (error instanceof NotOpen) return false;
      throw error;
    }
    const after = await incidents.describe(workflowId);
    if (after?.open !== true || after.closing || after.runId !== run.runId) return false;
    lane.lastSignal = Date.now();
    this.#spared.set(key, lane.lastSignal + (paceMs * Math.min(after.events, fullEvents)) / paceEvents);
    this.#open.set(key, after);
    return true;
  }

  /** Waits until a run that is being sealed has closed. @throws Problem FB1406 when that takes too long */
  async #untilClosed(workflowId: string, runId: string): Promise<void> {
    const { incidents, closingMs = 10_000 } = this.#options;
    const end = Date.now() + closingMs;
    for (;;) {
      const run = await incidents.describe(workflowId);
      if (run?.open !== true || run.runId !== runId) return;
      if (Date.now() > end) {
        throw new Problem(
          503,
          'FB1406',
          'the incident is being closed, and its successor cannot open yet; send it again',
          {
            retryAfter: 5,
          },
        );
      }
      await sleep(closingPollMs);
    }
  }

  async #start(request: OpeningRequest, predecessor: string | undefined): Promise<string> {
    const { incidents, prepare, randomId = randomBase32 } = this.#options;
    const workflowId = incidentWorkflowId(request.key);
    const incident = `inc-${workflowId.slice('incident/'.length)}-${randomId()}`;
    const input = await prepare(request, incident, predecessor);
    const firstAlert = request.alert === null ? '' : identity(request.alert);
    const runId = await incidents.start(workflowId, input, firstAlert);
    this.#open.set(request.key, {
      incident,
      runId,
      open: true,
      closing: false,
      events: 0,
      bytes: 0,
      firstAlert,
    });
    return incident;
  }
}

function isFull({ events, bytes }: IncidentRun): boolean {
  return events > fullEvents || bytes > fullBytes;
}

/** What copies of an alert share. */
function identity(alert: Pick<Alert, 'source' | 'id'>): string {
  return digest([alert.source, alert.id]);
}

function durableKey(key: Digest, alert: Alert): string {
  return `${key}/${identity(alert)}`;
}

/** The next batch, in order of arrival. */
function takeBatch(waiting: Waiting[]): Waiting[] {
  let size = 0;
  let count = 0;
  const seen = new Set<string>();
  for (const { request } of waiting) {
    const id = identity(request.alert);
    if (!seen.has(id)) {
      size += JSON.stringify(slim(request.alert)).length;
      if (count > 0 && (size > maxBatch || seen.size >= maxBatchAlerts)) break;
      seen.add(id);
    }
    count += 1;
  }
  return waiting.splice(0, count);
}

/** One alert of each identity, without that of `known`. */
function distinct(batch: readonly Waiting[], known: string | undefined): Alert[] {
  const alerts = new Map<string, Alert>();
  for (const { request } of batch) {
    const id = identity(request.alert);
    if (id !== known && !alerts.has(id)) alerts.set(id, request.alert);
  }
  return [...alerts.values()];
}

/** A joined alert travels without the detector's fields: the raw body is evidence, and a storm must not fill a history. */
function slim(alert: Alert): Alert {
  return { ...alert, fields: {} };
}

function statusOf(
  waiting: Waiting,
  batch: readonly Waiting[],
  opener?: Waiting,
  before?: string,
): Intake['status'] {
  if (waiting === opener) return 'opened';
  const id = identity(waiting.request.alert);
  if (id === before) return 'duplicate';
  if (opener !== undefined && id === identity(opener.request.alert)) return 'duplicate';
  return batch.find(({ request }) => identity(request.alert) === id) === waiting ? 'joined' : 'duplicate';
}

function alreadyOpen(incident: string | undefined): Problem {
  const which = incident === undefined ? 'another one' : incident;
  return new Problem(
    409,
    'FB1213',
    `${which} with the same playbook and inputs is open; follow that one`,
    incident === undefined ? {} : { incident },
  );
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TemporalUnavailable) {
    return new Problem(503, 'FB1401', 'Temporal cannot be reached; send it again', {
      retryAfter: 5,
      cause: error,
    });
  }
  return new Problem(500, 'FB1900', 'the gateway failed; its log has the request id', { cause: error });
}

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

function randomBase32(): string {
  return Array.from(randomBytes(6), (byte) => base32[byte % 32]).join('');
}
