import { randomBytes, randomInt } from 'node:crypto';
import type { Workspace } from './types.ts';

const ID_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** A random id in Slack's form: a letter for the kind, then ten of A–Z and 0–9. */
export function slackId(prefix: string): string {
  return prefix + Array.from({ length: 10 }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join('');
}

export const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

/** `length` random decimal digits that do not start with 0. */
export const digits = (length: number): string =>
  String(randomInt(1, 10)) + Array.from({ length: length - 1 }, () => randomInt(10)).join('');

/** Secrets and ids are new at every start: a constant would let a search for leaks find nothing and mean nothing. */
export function newCredentials(): Omit<Workspace, 'teamId' | 'teamDomain' | 'enterprise'> {
  const appId = slackId('A');
  return {
    appId,
    botId: slackId('B'),
    botUserId: slackId('U'),
    botToken: `xoxb-${digits(12)}-${digits(13)}-${hex(12)}`,
    appToken: `xapp-1-${appId}-${digits(13)}-${hex(32)}`,
    signingSecret: hex(16),
    verificationToken: hex(12),
  };
}
