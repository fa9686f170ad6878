import { Context } from '@temporalio/activity';
import type { WebClient } from '@slack/web-api';
import { redactJson } from '../../domain/redaction.ts';
import type { MessageRef, NoticeActivities, Recorded } from '../../workflows/contract.ts';
import { approvalMessage, type Rendered } from './approval-message.ts';
import { asFailure, platformError } from './failure.ts';
import { findPosted, metadata, type MessageKey } from './posted.ts';
import { checkGroups, tellMessage, type SlackGroups } from './tell-message.ts';

export { slackClient } from './client.ts';
export type { SlackGroups } from './tell-message.ts';

/** The activities without the ledger entries, which a wrapper stores before. */
export type SlackActivities = {
  [Name in keyof NoticeActivities]: (
    request: Omit<Parameters<NoticeActivities[Name]>[0], keyof Recorded>,
  ) => ReturnType<NoticeActivities[Name]>;
};

export interface SlackActivityOptions {
  /** From `slackClient`; null when Slack is not configured: nothing is posted, and the answer is null. */
  client: WebClient | null;
  /** Whom to call for each group of the directory. */
  groups?: SlackGroups;
}

interface Post {
  channel: string;
  thread?: string;
  broadcast?: boolean;
  key: MessageKey;
  message: Rendered;
}

/** What Slack must never make of a text: markup, links to preview, mentions. */
const literal = { mrkdwn: false, parse: 'none', link_names: false } as const;

/** A retry looks for the message of the attempt before it, and adopts it. */
async function postOnce(
  slack: WebClient,
  { channel, thread, broadcast, key, message }: Post,
): Promise<MessageRef> {
  const { info, log } = Context.current();
  if (info.attempt > 1) {
    try {
      const posted = await findPosted(slack, key, { channel, thread, since: info.scheduledTimestampMs });
      if (posted !== null) return posted;
    } catch (error) {
      if (platformError(error) !== 'missing_scope') throw asFailure('conversations.history', error);
      log.warn(
        'the app may not read the channel, to look for an earlier post of this message: it may appear twice',
      );
    }
  }
  const reply =
    thread === undefined
      ? {}
      : broadcast === true
        ? { thread_ts: thread, reply_broadcast: true as const }
        : { thread_ts: thread };
  const post = {
    channel,
    ...redactJson(message),
    ...literal,
    ...reply,
    metadata: metadata(key),
    unfurl_links: false,
    unfurl_media: false,
  };
  try {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Slack's, not a window's
    const answer = await slack.chat.postMessage(post);
    if (answer.ts === undefined) throw new TypeError('chat.postMessage: Slack named no timestamp');
    return { channel: answer.channel ?? channel, ts: answer.ts };
  } catch (error) {
    // Whoever deletes a question must not silence what is said about it.
    if (thread !== undefined && platformError(error) === 'thread_not_found') {
      return postOnce(slack, { channel, key, message });
    }
    throw asFailure('chat.postMessage', error);
  }
}

/**
 * Posts and updates an incident's messages. A retry looks for the message of the attempt before it and adopts it; the look is
 * skipped, with a warning in the log, when the app may not read the channel: a question asked twice is better than none.
 * @throws ApplicationFailure of type `Slack`, FB1301 … FB1303
 * @throws TypeError when a group is not mapped to Slack ids
 */
export function slackActivities({ client, groups = {} }: SlackActivityOptions): SlackActivities {
  checkGroups(groups);

  return {
    async 'slack.ask'({ channel, notice }) {
      if (client === null) return null;
      const key = { incident: notice.gate.incident, dedupe: notice.gate.id };
      const message = approvalMessage(notice, { state: 'open', decisions: [] });
      return postOnce(client, { channel, key, message });
    },

    async 'slack.update'({ message, notice, state }) {
      if (client === null || message === null) return;
      const key = { incident: notice.gate.incident, dedupe: notice.gate.id };
      const { blocks, text } = redactJson(approvalMessage(notice, state));
      try {
        await client.chat.update({
          ...message,
          blocks,
          text,
          parse: 'none',
          link_names: false,
          metadata: metadata(key),
        });
      } catch (error) {
        throw asFailure('chat.update', error);
      }
    },

    async 'slack.tell'({ channel, message, ...told }) {
      if (client === null) return null;
      // A reply's dedupe must not be taken for a gate's id.
      const key = { incident: told.incident, dedupe: `tell/${told.dedupe}` };
      const post: Post = { channel: message?.channel ?? channel, key, message: tellMessage(told, groups) };
      if (message !== null) {
        post.thread = message.ts;
        post.broadcast = told.level === 'danger';
      }
      return postOnce(client, post);
    },
  };
}
