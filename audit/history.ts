import { claimed } from './claimed.ts';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { canonical, isObject, type Digest, type Json, type JsonObject } from '../domain/json.ts';
import type { LedgerEntry } from '../domain/ledger.ts';

/** Event types as Temporal's JSON spells them. */
export const eventTypes = {
  started: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
  taskCompleted: 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
  activityScheduled: 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED',
  activityCompleted: 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED',
  activityFailed: 'EVENT_TYPE_ACTIVITY_TASK_FAILED',
  updateAccepted: 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED',
  continuedAsNew: 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW',
} as const;

/** Events after which a run has no more; `continuedAsNew` ends the run, not the incident. */
export const terminalTypes: readonly string[] = [
  'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
  'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED',
  'EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT',
  'EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED',
  'EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED',
];

export interface HistoryEvent {
  /** 0 when it is no number. */
  id: number;
  type: string;
  time: string;
  attributes: JsonObject;
}

/** The canonical JSON text of a history, as it is exported and sealed; one line feed at its end. */
export function historyText(history: Parameters<typeof historyToJSON>[0]): string {
  return `${canonical(JSON.parse(historyToJSON(history)))}\n`;
}

/**
 * Whether a history's JSON has only what Temporal's own reader sees in it, in the one spelling that its writer uses: else what is checked
 * here and what is replayed there could be two things.
 */
export function isPlainHistory(value: Json): boolean {
  try {
    return canonical(JSON.parse(historyToJSON(historyFromJSON(value)))) === canonical(value);
  } catch {
    // What the reader refuses is not plain either; the caller says so.
    return false;
  }
}

/** The events of a history's JSON, malformed parts as empty ones. */
export function eventsOf(value: Json): HistoryEvent[] {
  const events = object(value)['events'];
  if (!Array.isArray(events)) return [];
  return events.map((item) => {
    const event = object(item);
    const name = Object.keys(event).find((key) => key.endsWith('EventAttributes'));
    return {
      id: Number(event['eventId'] ?? 0),
      type: text(event['eventType']),
      time: text(event['eventTime']),
      attributes: name === undefined ? {} : object(event[name]),
    };
  });
}

/** The values in a `Payloads`, those that are not JSON as null. */
export function payloadsOf(value: Json | undefined): Json[] {
  const payloads = object(value)['payloads'];
  return Array.isArray(payloads) ? payloads.map(payloadOf) : [];
}

/** The JSON text in each of a `Payloads`; empty for one that is no JSON. */
export function payloadTexts(value: Json | undefined): string[] {
  const payloads = object(value)['payloads'];
  return Array.isArray(payloads) ? payloads.map(textIn) : [];
}

function textIn(value: Json): string {
  const { metadata, data } = object(value);
  if (Buffer.from(text(object(metadata)['encoding']), 'base64').toString('latin1') !== 'json/plain')
    return '';
  return Buffer.from(text(data), 'base64').toString('utf8');
}

function payloadOf(value: Json): Json {
  try {
    return claimed<Json>(JSON.parse(textIn(value)));
  } catch {
    // An unreadable payload carries nothing: whoever looks for an entry in it reports that it is absent.
    return null;
  }
}

export interface ScheduledActivity {
  event: number;
  time: string;
  id: string;
  type: string;
  input: JsonObject;
  entries: LedgerEntry[];
}

/** The activities that a history scheduled, with the entries they carry. */
export function activitiesOf(events: readonly HistoryEvent[]): ScheduledActivity[] {
  return events
    .filter(({ type }) => type === eventTypes.activityScheduled)
    .map(({ id, time, attributes }) => {
      const input = object(payloadsOf(attributes['input'])[0]);
      const { entries } = input;
      return {
        event: id,
        time,
        id: text(attributes['activityId']),
        type: text(object(attributes['activityType'])['name']),
        input,
        entries: Array.isArray(entries) ? claimed<LedgerEntry[]>(entries) : [],
      };
    });
}

/** The type of the failure that ended an activity; undefined when it did not fail, or has not ended. */
export function failureTypeOf(events: readonly HistoryEvent[], scheduled: number): string | undefined {
  const failed = events.find(
    ({ type, attributes }) =>
      type === eventTypes.activityFailed && Number(attributes['scheduledEventId']) === scheduled,
  );
  return failed && text(object(object(failed.attributes['failure'])['applicationFailureInfo'])['type']);
}

/** `<verb>/<seq>/<hash>` taken apart; undefined for any other text. */
export function parseActivityId(id: string): { verb: string; seq: number; hash: Digest } | undefined {
  const match = /^([a-z-]+)\/([1-9]\d{0,8})\/(sha256:[0-9a-f]{64})$/.exec(id);
  if (match === null) return undefined;
  return { verb: match[1] ?? '', seq: Number(match[2]), hash: claimed<Digest>(match[3]) };
}

/** A JSON object, or an empty one in the place of anything else. */
export function object(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** A string, or an empty one in the place of anything else. */
export function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
