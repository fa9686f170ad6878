import { z } from 'zod';
import type { Refusal } from './answers.ts';
import type { Params } from './call.ts';
import type { TrailEvent } from './trail.ts';

const MAX_RESULTS = 50;

const attributeShape = z.object({ AttributeKey: z.string(), AttributeValue: z.string() });
const cursorShape = z.object({ question: z.string(), before: z.number() });
type Cursor = z.infer<typeof cursorShape>;

type Page = { Events: TrailEvent[]; NextToken?: string };

/**
 * CloudTrail's LookupEvents, over these events: newest first, one attribute at most, 50 a page. A token belongs to the question it was given for.
 */
export function lookupEvents(events: readonly TrailEvent[], params: Params): Page | Refusal {
  const { LookupAttributes, StartTime, EndTime, MaxResults = MAX_RESULTS, NextToken } = params;
  const attributes: unknown[] = Array.isArray(LookupAttributes) ? LookupAttributes : [];
  if (attributes.length > 1) {
    return refusal('InvalidLookupAttributesException', 'You can only specify one lookup attribute.');
  }
  const matches = attributes.length === 0 ? () => true : matcherOf(attributes[0]);
  if (matches === undefined) {
    return refusal('InvalidLookupAttributesException', 'The lookup attribute is not valid.');
  }
  if (!Number.isInteger(MaxResults) || Number(MaxResults) < 1 || Number(MaxResults) > MAX_RESULTS) {
    return refusal('InvalidMaxResultsException', 'MaxResults must be between 1 and 50.');
  }
  const from = StartTime === undefined ? -Infinity : Number(StartTime);
  const to = EndTime === undefined ? Infinity : Number(EndTime);
  if (from > to) return refusal('InvalidTimeRangeException', 'The start time is after the end time.');
  const question = JSON.stringify([LookupAttributes, StartTime, EndTime]);
  const cursor = NextToken === undefined ? { question, before: Infinity } : cursorOf(NextToken);
  if (cursor?.question !== question) return refusal('InvalidNextTokenException', 'The token is not valid.');
  const found: TrailEvent[] = [];
  // By place, not by offset: events that come in between the pages neither repeat nor hide one.
  for (let place = Math.min(events.length, cursor.before) - 1; place >= 0; place--) {
    const event = events[place];
    if (event === undefined || event.EventTime < from || event.EventTime > to || !matches(event)) continue;
    if (found.length === MaxResults) return { Events: found, NextToken: tokenOf(question, place + 1) };
    found.push(event);
  }
  return { Events: found };
}

function matcherOf(attribute: unknown): ((event: TrailEvent) => boolean) | undefined {
  const read = attributeShape.safeParse(attribute);
  if (!read.success) return undefined;
  const { AttributeKey, AttributeValue } = read.data;
  switch (AttributeKey) {
    case 'EventId':
    case 'EventName':
    case 'ReadOnly':
    case 'Username':
    case 'EventSource':
    case 'AccessKeyId':
      return (event) => event[AttributeKey] === AttributeValue;
    case 'ResourceType':
    case 'ResourceName':
      return (event) => event.Resources.some((resource) => resource[AttributeKey] === AttributeValue);
    default:
      return undefined;
  }
}

function tokenOf(question: string, before: number): string {
  return Buffer.from(JSON.stringify({ question, before } satisfies Cursor)).toString('base64');
}

function cursorOf(token: unknown): Cursor | undefined {
  try {
    return cursorShape.safeParse(JSON.parse(Buffer.from(String(token), 'base64').toString('utf8'))).data;
  } catch (error) {
    // Whoever made it up gets the same refusal as for another question's.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function refusal(code: string, message: string): Refusal {
  return { code, message, status: 400 };
}
