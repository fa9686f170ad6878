import { z } from 'zod';
import { isObject } from '../../../domain/json.ts';
import type { Use } from './use.ts';

/** Who is looked for in an audit log: a user's name, or the id of one credential. */
export type Wanted = { username: string } | { credentialId: string };

const user = z.object({
  username: z.string().default(''),
  extra: z.record(z.string(), z.array(z.string())).default({}),
});

/** What is read of an Event of audit.k8s.io/v1; the rest passes by. */
const shape = z.object({
  auditID: z.string().min(1).max(128),
  stage: z.string(),
  requestReceivedTimestamp: z.iso.datetime({ offset: true }),
  verb: z.string().default(''),
  requestURI: z.string().default(''),
  user: user.prefault({}),
  impersonatedUser: user.optional(),
  sourceIPs: z.array(z.string()).default([]),
  userAgent: z.string().default(''),
  objectRef: z
    .object({
      resource: z.string().default(''),
      subresource: z.string().default(''),
      namespace: z.string().default(''),
      name: z.string().default(''),
    })
    .optional(),
  responseStatus: z.object({ code: z.int().optional() }).optional(),
});

const credentialIdKey = 'authentication.kubernetes.io/credential-id';
const podNameKey = 'authentication.kubernetes.io/pod-name';

/** What a line must hold somewhere to be about who is looked for: spares reading the others. */
export function needleOf(wanted: Wanted): string {
  return 'username' in wanted ? wanted.username : wanted.credentialId;
}

/**
 * A line of an audit log: a use, `other` when it is about somebody else or not a request's end, `unreadable` when it is no event.
 * Whoever impersonates an account does not use its credential: only the one who was authenticated counts.
 */
export function readAuditLine(line: string, wanted: Wanted): Use | 'other' | 'unreadable' {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return 'unreadable';
  }
  const read = shape.safeParse(parsed);
  if (!read.success) return 'unreadable';
  const event = read.data;
  const isMeant =
    'username' in wanted
      ? event.user.username === wanted.username
      : event.user.extra[credentialIdKey]?.includes(wanted.credentialId) === true;
  // One request is a line for each of its stages.
  if (!isMeant || event.stage === 'RequestReceived') return 'other';
  return useOf(event);
}

function useOf(event: z.output<typeof shape>): Use {
  const { verb, requestURI, user: who, impersonatedUser, sourceIPs, userAgent, objectRef } = event;
  const pod = who.extra[podNameKey]?.[0];
  const credential = who.extra[credentialIdKey]?.[0];
  const resource = [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/');
  const named = [objectRef?.namespace, objectRef?.name].filter(Boolean).join('/');
  const as = impersonatedUser === undefined ? '' : `, as ${impersonatedUser.username}`;
  const code = event.responseStatus?.code;
  return {
    id: event.auditID,
    at: new Date(event.requestReceivedTimestamp).toISOString(),
    principal: `${who.username}${pod === undefined ? '' : ` (pod ${pod})`}${as}`,
    action: `${verb} ${resource}`.trim(),
    on: named === '' && objectRef === undefined ? requestURI : named,
    // The others are what the client, or a proxy, says of whom it forwards.
    address: sourceIPs.at(-1) ?? '',
    ...(sourceIPs.length < 2 ? {} : { forwardedFor: sourceIPs.slice(0, -1).join(' ') }),
    agent: userAgent,
    outcome: code === undefined ? event.stage : code < 400 ? 'done' : `HTTP ${code}`,
    ...(credential === undefined ? {} : { through: credential }),
  };
}

/** When the request of a line came; undefined when it does not say. */
export function timeOf(line: string): Date | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    const text = isObject(parsed) ? parsed['requestReceivedTimestamp'] : undefined;
    const at = typeof text === 'string' ? new Date(text) : undefined;
    return at === undefined || Number.isNaN(at.getTime()) ? undefined : at;
  } catch {
    return undefined;
  }
}
