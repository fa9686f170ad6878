import { canonical, isObject } from '../../../domain/json.ts';

const version = '2012-10-17';

/** Denies everything, to every credential of whoever has it. */
export const denyEverything = JSON.stringify({
  Version: version,
  Statement: [{ Sid: 'FirebreakContain', Effect: 'Deny', Action: '*', Resource: '*' }],
});

/** Lets nobody in. A deny beside what was there would not fit where the document is near IAM's limit. */
export const denyAssuming = JSON.stringify({
  Version: version,
  Statement: [
    {
      Sid: 'FirebreakContain',
      Effect: 'Deny',
      Principal: '*',
      Action: [
        'sts:AssumeRole',
        'sts:AssumeRoleWithSAML',
        'sts:AssumeRoleWithWebIdentity',
        'sts:SetSourceIdentity',
        'sts:TagSession',
      ],
    },
  ],
});

/**
 * Denies everything to temporary credentials that were issued before a time; long-term keys have no such time, and are not touched. What the IAM console
 * calls AWSRevokeOlderSessions.
 * @param cutOff RFC 3339 UTC, in whole seconds
 */
export function denySessionsBefore(cutOff: string): string {
  return JSON.stringify({
    Version: version,
    Statement: [
      {
        Sid: 'FirebreakRevokeSessions',
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { DateLessThan: { 'aws:TokenIssueTime': cutOff } },
      },
    ],
  });
}

/** The cut-off of a document of {@link denySessionsBefore}; undefined for any other document. */
export function cutOffOf(text: string): string | undefined {
  const found = /"aws:TokenIssueTime":\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"/.exec(text)?.[1];
  return found !== undefined && isSameDocument(text, denySessionsBefore(found)) ? found : undefined;
}

/** The first whole second that has not begun: AWS knows when a session was issued to the second, and one of this second is one from before. */
export function cutOffAt(now: Date): string {
  const second = Math.floor(now.getTime() / 1000) + 1;
  return `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
}

/** Whether two documents say the same; spaces and the order of keys say nothing. */
export function isSameDocument(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [parsed(one), parsed(other)];
  return a !== undefined && b !== undefined && canonical(a) === canonical(b);
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
