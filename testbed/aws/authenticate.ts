import type { Refusal } from './answers.ts';
import type { Call } from './call.ts';
import type { Directory } from './directory.ts';
import type { Caller, Session } from './sessions.ts';
import { isFresh, isSignedWith } from './signature.ts';

const invalid: Refusal = {
  code: 'InvalidClientTokenId',
  message: 'The security token included in the request is invalid.',
  status: 403,
};
const mismatch: Refusal = {
  code: 'SignatureDoesNotMatch',
  message: 'The request signature we calculated does not match the signature you provided.',
  status: 403,
};
const expired: Refusal = {
  code: 'ExpiredToken',
  message: 'The security token included in the request is expired',
  status: 403,
};

/** Who sent the call, or why its credential is not taken: unknown, inactive, expired, or not signed with its secret. */
export function authenticate(
  call: Call,
  known: { secrets: ReadonlyMap<string, string>; sessions: ReadonlyMap<string, Session> },
  directory: Directory,
): Caller | Refusal {
  const session = known.sessions.get(call.accessKeyId);
  const secret = session?.secretAccessKey ?? known.secrets.get(call.accessKeyId);
  if (secret === undefined) return invalid;
  if (!isSignedWith(call, secret) || !isFresh(call)) return mismatch;
  const token = call.headers['x-amz-security-token'];
  if (session === undefined) {
    const key = directory.keys.get(call.accessKeyId);
    const user = key?.active === true ? directory.users.get(key.user) : undefined;
    if (user === undefined || token !== undefined) return invalid;
    return { principal: user, arn: user.arn, userId: user.id };
  }
  if (token !== session.token) return invalid;
  if (session.expires <= call.time) return expired;
  if (session.of.kind === 'user') {
    const user = directory.users.get(session.of.user);
    return user === undefined ? invalid : { principal: user, session, arn: user.arn, userId: user.id };
  }
  const role = directory.roles.get(session.of.role);
  if (role === undefined) return invalid;
  const { sessionName } = session.of;
  const [, partition = 'aws', , , account = ''] = role.arn.split(':');
  return {
    principal: role,
    session,
    arn: `arn:${partition}:sts::${account}:assumed-role/${role.name}/${sessionName}`,
    userId: `${role.id}:${sessionName}`,
  };
}
