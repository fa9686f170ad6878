import { oneLine } from './safe-text.ts';
import type { Digest } from './json.ts';

/** Names that a message carries and the gateway listens for. Once messages with them are posted they cannot change. */
export const slackActions = {
  approve: 'firebreak.approve',
  deny: 'firebreak.deny',
  release: 'firebreak.release',
  fillIn: 'firebreak.fill-in',
  cancel: 'firebreak.cancel',
} as const;

/** What an Approve, Deny or Fill in button binds: incident, gate id and the digest of what the message showed. */
export interface GateButton {
  i: string;
  g: string;
  d: Digest;
}

/** What a Request release or Cancel button says. */
export interface IncidentButton {
  i: string;
}

/** `metadata.event_type` of every message: how a retry finds what an attempt before it has posted. */
export const slackMessageEvent = 'firebreak_message';

/**
 * A message's `text`: what a notification and a screen reader get. Slack reads `<…>` and `&…;` in it whatever else is said, so these are
 * escaped; formatting signs become their full-width twins. Post it with `mrkdwn: false` and `parse: 'none'`.
 */
export function slackText(text: string, max: number): string {
  return oneLine(text, max)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[*_~`@]/g, (sign) => String.fromCodePoint(sign.charCodeAt(0) + 0xfee0));
}
