import { isObject, textOf } from './types.ts';
import type { JsonObject } from './types.ts';

const micros = (ts: unknown): number => Math.round(Number(ts) * 1e6);

/** docs.slack.dev/reference/methods/conversations.history: `oldest` and `latest` exclude themselves unless `inclusive`. */
export function withinTimes(message: JsonObject, args: JsonObject): boolean {
  const at = micros(message['ts']);
  const inclusive = args['inclusive'] === true || args['inclusive'] === 'true' || args['inclusive'] === '1';
  const oldest = args['oldest'] === undefined ? -Infinity : micros(args['oldest']);
  const latest = args['latest'] === undefined ? Infinity : micros(args['latest']);
  return inclusive ? at >= oldest && at <= latest : at > oldest && at < latest;
}

/** Without `include_all_metadata` an app sees that a message has metadata, not what it says. */
export function stripMetadata(message: JsonObject): JsonObject {
  const metadata = message['metadata'];
  return isObject(metadata) ? { ...message, metadata: { event_type: metadata['event_type'] } } : message;
}

const LARGEST_PAGE = 999;

/** One page of `messages`: `limit` (100 unless told, at most 999) from `cursor` on. docs.slack.dev/apis/web-api/pagination */
export function page(messages: JsonObject[], args: JsonObject): JsonObject {
  const limit = Number(args['limit'] ?? 100);
  if (!Number.isInteger(limit) || limit < 1) return { ok: false, error: 'invalid_limit' };
  let start = 0;
  if (textOf(args['cursor']) !== '') {
    const decoded = Buffer.from(textOf(args['cursor']), 'base64').toString('utf8');
    const next = /^next_ts:(\d+\.\d+)$/.exec(decoded)?.[1];
    start = messages.findIndex((message) => message['ts'] === next);
    if (start < 0) return { ok: false, error: 'invalid_cursor' };
  }
  const end = start + Math.min(limit, LARGEST_PAGE);
  const next = messages[end];
  return {
    ok: true,
    messages: messages.slice(start, end),
    has_more: next !== undefined,
    ...(next === undefined
      ? {}
      : {
          response_metadata: { next_cursor: Buffer.from(`next_ts:${textOf(next['ts'])}`).toString('base64') },
        }),
  };
}
