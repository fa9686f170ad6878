import type { Digest } from './json.ts';

/** Names that a message carries and the gateway listens for. Once messages with them are posted they cannot change. */
export const slackActions = {
  approve: 'firebreak.approve',
  deny: 'firebreak.deny',
  release: 'firebreak.release',
} as const;

/** What an Approve or Deny button binds: incident, gate id and the digest of what the message showed. */
export interface GateButton {
  i: string;
  g: string;
  d: Digest;
}

/** What a Request release button says. */
export interface ReleaseButton {
  i: string;
}

/** `metadata.event_type` of every message: how a retry finds what an attempt before it has posted. */
export const slackMessageEvent = 'firebreak_message';
