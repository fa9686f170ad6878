import type { WebClient } from '@slack/web-api';
import type { MessageRef } from '../../workflows/contract.ts';
import { slackMessageEvent } from '../../domain/slack.ts';

export interface MessageKey {
  incident: string;
  /** Unique in the incident. */
  dedupe: string;
}

/** Slack's clock stamps messages, ours the activity: they may differ by this much. */
const skewMs = 5 * 60_000;
/** Pages of 200 looked through; a channel with more than 2,000 messages since the first attempt has other troubles. */
const mostPages = 10;

export function metadata(key: MessageKey) {
  return {
    event_type: slackMessageEvent,
    event_payload: { incident: key.incident, dedupe: key.dedupe },
  };
}

/**
 * The message that an attempt before this one has posted, though its answer was lost.
 * @param thread The thread to look in; the channel itself when absent.
 * @param since When the activity was first scheduled, in milliseconds.
 * @throws WebAPICallError
 */
export async function findPosted(
  client: WebClient,
  key: MessageKey,
  place: { channel: string; thread: string | undefined; since: number },
): Promise<MessageRef> {
  const { channel, thread } = place;
  const self = await client.auth.test();
  const oldest = String(Math.max(0, place.since - skewMs) / 1000);
  let cursor: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const query = {
      channel,
      oldest,
      include_all_metadata: true,
      limit: 200,
      ...(cursor === undefined ? {} : { cursor }),
    };
    const answer =
      thread === undefined
        ? await client.conversations.history(query)
        : await client.conversations.replies({ ...query, ts: thread });
    // Another app could copy our metadata to make a retry adopt its message: only our own counts.
    const found = answer.messages?.find(
      (message) => message.user === self.user_id && isKeyed(message.metadata, key),
    );
    if (found?.ts !== undefined) return { channel, ts: found.ts };
    cursor = answer.response_metadata?.next_cursor;
    if (cursor === undefined || cursor === '') return null;
  }
  return null;
}

function isKeyed(
  found: { event_type?: string; event_payload?: object } | undefined,
  key: MessageKey,
): boolean {
  const payload: { incident?: unknown; dedupe?: unknown } = found?.event_payload ?? {};
  return (
    found?.event_type === slackMessageEvent &&
    payload.incident === key.incident &&
    payload.dedupe === key.dedupe
  );
}
