import { verifySlackRequest } from '@slack/bolt';

export interface RawRequest {
  headers: { readonly [name: string]: string | string[] | undefined };
  body: Buffer;
}

export type Verified =
  { ok: true; signature: string; timestamp: number } | { ok: false; code: string; why: string };

/** Slack's own limit, applied in both directions: Bolt lets a request from the future pass. */
export const windowSeconds = 5 * 60;

/**
 * Whether Slack signed these bytes, lately. The headers must have exactly the form that Slack gives them: Bolt also takes `v0=<hash>=x` or a
 * timestamp with a leading zero for the same signature, which would let a replay look new.
 * @param now Milliseconds.
 */
export function verifyRequest(request: RawRequest, signingSecret: string, now: number): Verified {
  const stamp = request.headers['x-slack-request-timestamp'];
  const signature = request.headers['x-slack-signature'];
  if (typeof stamp !== 'string' || !/^[1-9]\d{9}$/.test(stamp)) {
    return { ok: false, code: 'FB1310', why: 'x-slack-request-timestamp is missing or malformed' };
  }
  if (typeof signature !== 'string' || !/^v0=[0-9a-f]{64}$/.test(signature)) {
    return { ok: false, code: 'FB1310', why: 'x-slack-signature is missing or malformed' };
  }
  const timestamp = Number(stamp);
  // First, so that what a forger learns of our clock does not depend on the secret.
  const off = timestamp - Math.floor(now / 1000);
  if (Math.abs(off) > windowSeconds) {
    return {
      ok: false,
      code: 'FB1311',
      why: `signed ${Math.abs(off)} s in the ${off < 0 ? 'past' : 'future'}`,
    };
  }
  try {
    verifySlackRequest({
      signingSecret,
      body: request.body.toString('utf8'),
      headers: { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature },
      nowMilliseconds: now,
    });
  } catch {
    // Bolt throws for each of its reasons; all that is left here is a signature that does not match.
    return { ok: false, code: 'FB1310', why: 'the signature does not match' };
  }
  return { ok: true, signature, timestamp };
}
