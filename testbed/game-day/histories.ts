import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/** What was found in Temporal, as text: each payload decoded. */
export interface Recorded {
  /** What activities answered that succeeded. */
  results: string;
  /** The rest of the histories: inputs, Updates, failures with their details and stacks, markers. */
  others: string;
  /** What activities said while they ran, and what their last failed attempt said: no history keeps it. */
  heartbeats: string;
}

/** Reads what Temporal's users can: whole histories, as they are exported, and what is pending. */
export class Histories {
  readonly #client: Client;
  readonly #heartbeats = new Set<string>();

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(address: string, namespace: string): Promise<Histories> {
    return new Histories(new Client({ connection: await Connection.connect({ address }), namespace }));
  }

  /** Notes what the activities that run now have told; once they end, it is gone. */
  async look(): Promise<void> {
    for await (const { workflowId, runId } of this.#client.workflow.list({
      query: "ExecutionStatus = 'Running'",
    })) {
      const { raw } = await this.#client.workflow.getHandle(workflowId, runId).describe();
      for (const { heartbeatDetails, lastFailure } of raw.pendingActivities ?? []) {
        for (const { data } of heartbeatDetails?.payloads ?? []) this.#heartbeats.add(decoded(data));
        if (lastFailure !== undefined && lastFailure !== null)
          this.#heartbeats.add(JSON.stringify(lastFailure));
      }
    }
  }

  /** Of every run that there is, ended ones too. */
  async read(): Promise<Recorded> {
    const results: string[] = [];
    const others: string[] = [];
    for await (const { workflowId, runId } of this.#client.workflow.list()) {
      const history = await this.#client.workflow.getHandle(workflowId, runId).fetchHistory();
      const { events }: { events: { eventType: string }[] } = JSON.parse(historyToJSON(history));
      for (const event of events) {
        const isResult = event.eventType === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED';
        (isResult ? results : others).push(...payloadsIn(event), JSON.stringify(event));
      }
    }
    return {
      results: results.join('\n'),
      others: others.join('\n'),
      heartbeats: [...this.#heartbeats].join('\n'),
    };
  }

  async close(): Promise<void> {
    await this.#client.connection.close();
  }
}

/** Every payload in an event's JSON, decoded, however deep it lies. */
export function payloadsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(payloadsIn);
  if (typeof value !== 'object' || value === null) return [];
  const own =
    'metadata' in value && 'data' in value && typeof value.data === 'string'
      ? [Buffer.from(value.data, 'base64').toString('utf8')]
      : [];
  return [...own, ...Object.values(value).flatMap(payloadsIn)];
}

function decoded(data: Uint8Array | null | undefined): string {
  return Buffer.from(data ?? []).toString('utf8');
}
