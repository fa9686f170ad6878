import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import { digest, type JsonObject } from '../domain/json.ts';
import { entryHash, genesis, type LedgerEntry } from '../domain/ledger.ts';
import { failureTypes } from '../domain/failure-types.ts';
import { owesAnchor } from './anchor.ts';
import type { Carried, FixedActivities, Recorded } from './contract.ts';

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

/** Characters of an activity's request, and of one entry's data: Temporal takes 2 MB, and tries again for ever with more. */
const maxRequest = 600_000;
const maxEntry = 64_000;

/** Something is too large to be sent: said before the server would hang on it. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

const finalFailures: string[] = Object.values(failureTypes);

/**
 * Numbers and chains an incident's ledger, and runs its activities so that the ledger is a function of the history: an activity's
 * id names the entry that it was scheduled under, and its argument carries every entry that may not be stored yet.
 */
export class Recorder {
  readonly incident: string;
  #head: LedgerEntry['hash'];
  #count: number;
  #unstored: LedgerEntry[];
  #inFlight = 0;
  /** The failure by which the ledger turned out to be another history's as well: nothing can be recorded any more. */
  forked: unknown;

  constructor(incident: string, from?: Carried['ledger']) {
    this.incident = incident;
    this.#head = from?.head ?? genesis(incident);
    this.#count = from?.count ?? 0;
    this.#unstored = from?.unstored ?? [];
  }

  position(): Carried['ledger'] {
    return { head: this.#head, count: this.#count, unstored: [...this.#unstored] };
  }

  /** Activities that have not ended. */
  get inFlight(): number {
    return this.#inFlight;
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
      data: JSON.stringify(data).length <= maxEntry ? data : { omitted: 'too large', digest: digest(data) },
    };
    const entry = { ...body, hash: entryHash(body) };
    this.#head = entry.hash;
    this.#count = entry.seq;
    this.#unstored.push(entry);
    owesAnchor(entry.seq);
    return entry;
  }

  /**
   * Notes the intent and runs the activity `name` under it.
   * @throws ActivityFailure as the activity left it once its patience is spent; TooLarge before anything is noted
   */
  async run<R>(
    name: string,
    request: object,
    patience: Patience,
    intent: { kind: string; data: JsonObject },
  ): Promise<R> {
    const size = JSON.stringify(request).length;
    if (size > maxRequest)
      throw new TooLarge(`the request of ${name} has ${size} characters, of ${maxRequest} at most`);
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
    this.#inFlight += 1;
    try {
      const result = await activity({ ...request, entries: [...this.#unstored] });
      this.#unstored = this.#unstored.filter(({ seq }) => seq > entry.seq);
      return result;
    } catch (error) {
      if (isFork(error)) this.forked ??= error;
      throw error;
    } finally {
      this.#inFlight -= 1;
    }
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
