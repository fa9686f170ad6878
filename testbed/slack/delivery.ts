import { createHmac } from 'node:crypto';
import { isObject } from './types.ts';
import type { JsonObject } from './types.ts';

/** "Your app must reply within 3 seconds" — Handling user interaction, docs.slack.dev/interactivity. */
export const ACK_WITHIN_MS = 3_000;

/** One signed request, byte for byte as it went out. */
export interface SignedRequest {
  body: string;
  headers: Record<string, string>;
}

/** An interaction that happened, and the request that told the app of it first. */
export interface Interaction {
  payload: JsonObject;
  request: SignedRequest;
}

/** What came of telling the app. Slack shows the person a warning unless `failure` is undefined. */
export interface Delivery {
  transport: 'http' | 'socket';
  failure: 'timeout' | 'connection' | 'status' | undefined;
  /** HTTP status; 200 for an acknowledged envelope; 0 when there was no answer. */
  status: number;
  /** The answer's body as text. */
  body: string;
}

/** How an interaction reaches the app another time. Nothing given: the same bytes and signature again. */
export interface Redelivery {
  /** Sign again, with the present time or this one (seconds since the epoch). */
  resign?: boolean;
  at?: number;
  /** Sign with another secret: a forger's request. Implies `resign`. */
  signingSecret?: string;
  /** Adds X-Slack-Retry-Num and X-Slack-Retry-Reason, as docs.slack.dev/apis/events-api describes. */
  retry?: { num: number; reason: RetryReason };
}

export type RetryReason =
  'http_timeout' | 'too_many_redirects' | 'connection_failed' | 'ssl_error' | 'http_error' | 'unknown_error';

export const formOf = (payload: JsonObject): string =>
  new URLSearchParams({ payload: JSON.stringify(payload) }).toString();

/** Signs a body: `v0=` HMAC-SHA256 of `v0:timestamp:body`. Verifying requests from Slack, docs.slack.dev/authentication. */
export function sign(body: string, signingSecret: string, timestamp: number): SignedRequest {
  const digest = createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex');
  return {
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
      accept: 'application/json,*/*',
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': `v0=${digest}`,
    },
  };
}

/** The request that `how` asks for: a replay, a new signature, a forgery, with or without retry headers. */
export function again(first: SignedRequest, how: Redelivery, signingSecret: string): SignedRequest {
  const resign = how.resign === true || how.at !== undefined || how.signingSecret !== undefined;
  const request = resign
    ? sign(first.body, how.signingSecret ?? signingSecret, how.at ?? Math.floor(Date.now() / 1000))
    : first;
  if (!how.retry) return request;
  const retry = { 'x-slack-retry-num': String(how.retry.num), 'x-slack-retry-reason': how.retry.reason };
  return { body: request.body, headers: { ...request.headers, ...retry } };
}

/** Posts a signed request to the app's interactivity URL and waits at most three seconds for its answer. */
export async function post(url: string, request: SignedRequest): Promise<Delivery> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: request.body,
      headers: request.headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(ACK_WITHIN_MS),
    });
    const body = await response.text();
    return {
      transport: 'http',
      failure: response.status === 200 ? undefined : 'status',
      status: response.status,
      body,
    };
  } catch (error) {
    // By name: a test runner may give fetch and this file different classes of the same error.
    const name = isObject(error) ? error['name'] : undefined;
    // fetch reports every failure to connect as a TypeError; anything else is a fault of this testbed.
    if (name !== 'TimeoutError' && name !== 'TypeError') throw error;
    return {
      transport: 'http',
      failure: name === 'TimeoutError' ? 'timeout' : 'connection',
      status: 0,
      body: '',
    };
  }
}
