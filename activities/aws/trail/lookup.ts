import { setTimeout as sleep } from 'node:timers/promises';
import { LookupEventsCommand, type Event, type LookupAttributeKey } from '@aws-sdk/client-cloudtrail';
import { isObject, type JsonObject } from '../../../domain/json.ts';
import type { Account } from '../accounts.ts';

/** CloudTrail takes two lookups a second in a region. */
const BETWEEN_PAGES_MS = 500;
const PAGE = 50;

export interface Question {
  attribute: { key: LookupAttributeKey; value: string };
  from: Date;
  to: Date;
  /** In each of the two regions. */
  maxPages: number;
}

export interface TrailEvent {
  id: string;
  /** `AssumeRole`. */
  name: string;
  /** `sts.amazonaws.com`. */
  source: string;
  at: Date;
  readOnly: boolean;
  /** Of a call that AWS refused. */
  errorCode?: string;
  /** Its document is no JSON; `detail` is empty then. */
  unreadable?: true;
  /** The event's own document: userIdentity, requestParameters, responseElements … */
  detail: JsonObject;
}

export interface Answer {
  /** The oldest first. */
  events: TrailEvent[];
  /** There were more pages than were asked for. */
  truncated: boolean;
}

/**
 * The management events of the last 90 days that CloudTrail has, in the account's region and in the one of global services; no trail need be configured.
 * Events come minutes after the call, and those of other regions are not among them.
 * @param progress called before each page
 */
export async function lookupEvents(
  { account, incident, signal }: { account: Account; incident: string; signal: AbortSignal },
  { attribute, from, to, maxPages }: Question,
  progress: () => Promise<void>,
): Promise<Answer> {
  const { cloudTrail, cloudTrailGlobal } = account.clients(incident);
  const regions = new Set([await cloudTrail.config.region(), await cloudTrailGlobal.config.region()]);
  const clients = regions.size === 1 ? [cloudTrail] : [cloudTrail, cloudTrailGlobal];
  const found = new Map<string, TrailEvent>();
  let truncated = false;
  for (const client of clients) {
    let NextToken: string | undefined;
    for (let page = 0; page === 0 || NextToken !== undefined; page++) {
      if (page === maxPages) {
        truncated = true;
        break;
      }
      if (page > 0) await sleep(BETWEEN_PAGES_MS, undefined, { signal });
      await progress();
      const answer = await client.send(
        new LookupEventsCommand({
          LookupAttributes: [{ AttributeKey: attribute.key, AttributeValue: attribute.value }],
          StartTime: from,
          EndTime: to,
          MaxResults: PAGE,
          NextToken,
        }),
        { abortSignal: signal },
      );
      for (const event of answer.Events ?? []) {
        const read = eventOf(event);
        found.set(read.id, read);
      }
      ({ NextToken } = answer);
    }
  }
  return { events: [...found.values()].toSorted((a, b) => a.at.getTime() - b.at.getTime()), truncated };
}

function eventOf({
  EventId,
  EventName,
  EventSource,
  EventTime,
  ReadOnly,
  CloudTrailEvent,
}: Event): TrailEvent {
  const read = documentOf(CloudTrailEvent);
  const detail = read ?? {};
  const { errorCode } = detail;
  return {
    id: EventId ?? '',
    name: EventName ?? '',
    source: EventSource ?? '',
    at: EventTime ?? new Date(0),
    readOnly: ReadOnly === 'true',
    ...(typeof errorCode === 'string' ? { errorCode } : {}),
    ...(read === undefined ? { unreadable: true } : {}),
    detail,
  };
}

/** undefined for a text that is no JSON object: one such event must not hide the others. */
function documentOf(text: string | undefined): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? '');
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** A text somewhere inside an event; undefined when there is none. */
export function textIn(detail: JsonObject, ...path: readonly string[]): string | undefined {
  let value: unknown = detail;
  for (const name of path) {
    if (!isObject(value)) return undefined;
    value = value[name];
  }
  return typeof value === 'string' ? value : undefined;
}
