import type { IncidentView } from '../domain/incident.ts';
import type {
  AlertsArguments,
  CommandArguments,
  DecideArguments,
  IncidentArguments,
} from '../workflows/contract.ts';

/** What is known of the latest run under a workflow id. */
export interface IncidentRun {
  /** The incident that the run belongs to; a continued run keeps it. */
  incident: string;
  runId: string;
  open: boolean;
  /** It is being sealed: what is signalled to it now is not taken any more. */
  closing: boolean;
  /** What its history has by now, of 51,200 events and 50 MB at which the server ends it. */
  events: number;
  bytes: number;
  /** Identity of the alert that opened the incident; empty for a manual run. */
  firstAlert: string;
}

/**
 * All that the gateway asks of Temporal. Every method is bounded in time.
 * @throws TemporalUnavailable from each of them when the server cannot be reached in time.
 */
export interface IncidentPort {
  /**
   * Starts the workflow of an incident; durable when it resolves. Answers the run's id.
   * @throws AlreadyOpen when a run of that workflow id is open.
   */
  start(workflowId: string, input: IncidentArguments, firstAlert: string): Promise<string>;
  /** The latest run, open or closed; undefined when the server knows none (any more). */
  describe(workflowId: string): Promise<IncidentRun | undefined>;
  /**
   * Hands alerts to exactly this run; durable when it resolves.
   * @throws NotOpen when that run has closed or continued as another.
   */
  signal(workflowId: string, runId: string, alerts: AlertsArguments): Promise<void>;
  /** Asks a worker how the incident stands. @throws NotOpen, WorkerUnavailable */
  status(workflowId: string): Promise<IncidentView>;
  /** @throws NotOpen, WorkerUnavailable, Refused */
  decide(workflowId: string, updateId: string, decision: DecideArguments): Promise<void>;
  /** @throws NotOpen, WorkerUnavailable, Refused */
  command(workflowId: string, updateId: string, command: CommandArguments): Promise<void>;
  /** Incident ids of open runs, newest first. */
  listOpen(limit: number): Promise<string[]>;
  /** Whether the server answers, and serves our namespace. */
  reachable(): Promise<boolean>;
}

export class AlreadyOpen extends Error {
  override readonly name = 'AlreadyOpen';
}

export class NotOpen extends Error {
  override readonly name = 'NotOpen';
}

export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable';
}

/** Temporal answers, but no worker took the question in time: for an Update, whether it was taken is not known. */
export class WorkerUnavailable extends Error {
  override readonly name = 'WorkerUnavailable';
}

/** The workflow's validator said no; `message` is its reason, `code` its error code when it gave one. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}
