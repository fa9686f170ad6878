import type { Refusal } from './answers.ts';
import { textParam } from './call.ts';
import type { Call } from './call.ts';
import type { Directory } from './directory.ts';

/** Characters of all inline policies together, white space not counted. */
const INLINE = { user: 2_048, role: 10_240 };

/** IAM's quota of inline policies, which moto does not know: the refusal of a policy that does not fit in beside the others. */
export function inlineQuotaRefusal(call: Call, directory: Directory): Refusal | undefined {
  const kind =
    call.action === 'PutUserPolicy' ? 'user' : call.action === 'PutRolePolicy' ? 'role' : undefined;
  if (call.service !== 'iam' || kind === undefined) return undefined;
  const name = textParam(call, kind === 'user' ? 'UserName' : 'RoleName') ?? '';
  const known = (kind === 'user' ? directory.users : directory.roles).get(name)?.inline ?? {};
  const sizes = {
    ...known,
    [textParam(call, 'PolicyName') ?? '']: sizeOf(textParam(call, 'PolicyDocument') ?? ''),
  };
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  if (total <= INLINE[kind]) return undefined;
  const message = `Maximum policy size of ${INLINE[kind]} bytes exceeded for ${kind} ${name}`;
  return { code: 'LimitExceeded', message, status: 409 };
}

/** As IAM counts a document. */
export function sizeOf(document: string): number {
  return document.replaceAll(/\s/g, '').length;
}
