import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { JsonObject } from '../domain/json.ts';
import { entryHash, genesis, type LedgerEntry } from '../domain/ledger.ts';
import { failureTypes } from '../domain/failure-types.ts';
import type { FixedActivities, Recorded } from './contract.ts';

/** How long an activity may take and how often it is tried. Milliseconds. */
export interface Patience {
  attemptMs: number;
  /** 0: without limit, which suits only what `totalMs` ends. */
  attempts: number;
  heartbeatMs?: number;
  totalMs?: number;
}

/** Whether an activity found its ledger entry taken by another one. */
export function isFork(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === failureTypes.ledgerConflict
  );
}

const finalFailures: string[] = Object.values(failureTypes);

/**
 * Numbers and chains an incident's ledger, and runs its activities so that the ledger is a function of the history: an activity's
 * id names the entry that it was scheduled under, and its argument carries every entry that may not be stored yet.
 */
export class Recorder {
  readonly incident: string;
  #head: LedgerEntry['hash'];
  #count = 0;
  #unstored: LedgerEntry[] = [];
  /** The failure by which the ledger turned out to be another history's as well: nothing can be recorded any more. */
  forked: unknown;

  constructor(incident: string) {
    this.incident = incident;
    this.#head = genesis(incident);
  }

  get head(): LedgerEntry['hash'] {
    return this.#head;
  }

  get count(): number {
    return this.#count;
  }

  /** Entries that no completed activity has carried yet. */
  get unstored(): number {
    return this.#unstored.length;
  }

  /** Adds an entry. It is stored by the next activity. */
  note(kind: string, data: JsonObject): LedgerEntry {
    const body = {
      v: 1 as const,
      incident: this.incident,
      seq: this.#count + 1,
      prev: this.#head,
      at: new Date().toISOString(),
      kind,
      data,
    };
    const entry = { ...body, hash: entryHash(body) };
    this.#head = entry.hash;
    this.#count = entry.seq;
    this.#unstored.push(entry);
    return entry;
  }

  /**
   * Notes the intent and runs the activity `name` under it.
   * @throws ActivityFailure as the activity left it once its patience is spent
   */
  async run<R>(
    name: string,
    request: object,
    patience: Patience,
    intent: { kind: string; data: JsonObject },
  ): Promise<R> {
    const entry = this.note(intent.kind, intent.data);
    const verb = name.slice(name.lastIndexOf('.') + 1);
    const options: ActivityOptions = {
      activityId: `${verb}/${entry.seq}/${entry.hash}`,
      startToCloseTimeout: patience.attemptMs,
      retry: {
        initialInterval: 200,
        maximumInterval: 10_000,
        nonRetryableErrorTypes: finalFailures,
        ...(patience.attempts > 0 ? { maximumAttempts: patience.attempts } : {}),
      },
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      ...(patience.heartbeatMs === undefined ? {} : { heartbeatTimeout: patience.heartbeatMs }),
      ...(patience.totalMs === undefined ? {} : { scheduleToCloseTimeout: patience.totalMs }),
    };
    const activities = proxyActivities<Record<string, (request: object & Recorded) => Promise<R>>>(options);
    const activity = activities[name];
    if (activity === undefined) throw new TypeError(`no activity ${name}`);
    const result = await activity({ ...request, entries: [...this.#unstored] }).catch((error: unknown) => {
      if (isFork(error)) this.forked ??= error;
      throw error;
    });
    this.#unstored = this.#unstored.filter(({ seq }) => seq > entry.seq);
    return result;
  }

  /** As `run`, for the activities whose names are fixed in the contract. */
  fixed<N extends keyof FixedActivities>(
    name: N,
    request: Omit<Parameters<FixedActivities[N]>[0], 'entries'>,
    patience: Patience,
    intent: { kind: string; data: JsonObject },
  ): Promise<Awaited<ReturnType<FixedActivities[N]>>> {
    return this.run(name, request, patience, intent);
  }
}
