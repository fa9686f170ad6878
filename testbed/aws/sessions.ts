import { randomBytes } from 'node:crypto';
import type { Principal } from './directory.ts';

/** A credential of the account. */
export interface Credential {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Temporary credentials that STS gave out. */
export interface Session {
  accessKeyId: string;
  secretAccessKey: string;
  token: string;
  issued: Date;
  expires: Date;
  /** A role's session, or one of a user by GetSessionToken. */
  of: { kind: 'role'; role: string; sessionName: string } | { kind: 'user'; user: string };
  /** Narrows what the role may do. */
  policy?: unknown;
}

/** Who calls. */
export interface Caller {
  principal: Principal;
  session?: Session;
  /** As CloudTrail and errors name it: for a role, its session's ARN. */
  arn: string;
  /** As GetCallerIdentity gives it. */
  userId: string;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A session of a user: moto has one fixed answer for all. */
export function newUserSession(user: string, seconds: number): Session {
  const issued = new Date();
  const id = Array.from(randomBytes(16), (byte) => DIGITS[byte % DIGITS.length]).join('');
  return {
    accessKeyId: `ASIA${id}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    token: randomBytes(96).toString('base64'),
    issued,
    expires: new Date(issued.getTime() + seconds * 1000),
    of: { kind: 'user', user },
  };
}
