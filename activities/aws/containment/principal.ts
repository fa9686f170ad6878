import { GetRoleCommand, GetUserCommand } from '@aws-sdk/client-iam';
import { isProtected } from '../../../domain/guardrails.ts';
import { isAwsError } from '../errors.ts';
import type { Account } from '../accounts.ts';
import { targetGone } from './failures.ts';

/** `user/ci-deployer`, `role/deploy`, or the ARN of one, paths and all. */
export const principalPattern =
  /^(arn:aws[a-z-]*:iam::\d{12}:)?(user|role)\/([\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/;

export interface PrincipalName {
  kind: 'user' | 'role';
  name: string;
  /** Where one was given: it must be the principal's, so that a namesake of another account or path is not meant. */
  arn?: string;
}

export interface Principal {
  kind: 'user' | 'role';
  name: string;
  arn: string;
  /** What no namesake has: `AIDA…`, `AROA…`. */
  id: string;
}

/** A call's world: the account, the incident that acts, when to give up. */
export interface Place {
  account: Account;
  incident: string;
  signal: AbortSignal;
}

/** Of what `principalPattern` matches. IAM's names are unique whatever their path. */
export function principalName(text: string): PrincipalName {
  const [kind, ...path] = text.slice(text.lastIndexOf(':') + 1).split('/');
  return {
    kind: kind === 'role' ? 'role' : 'user',
    name: path.at(-1) ?? '',
    ...(text.startsWith('arn:') ? { arn: text } : {}),
  };
}

/** @throws TargetGone when there is none, or the ARN that was given is not its */
export async function readPrincipal(
  { account, incident, signal }: Place,
  { kind, name, arn }: PrincipalName,
): Promise<Principal> {
  const { iam } = account.clients(incident);
  const options = { abortSignal: signal };
  const what = `${kind} ${name} in AWS account ${account.name}`;
  try {
    const found =
      kind === 'user'
        ? await iam
            .send(new GetUserCommand({ UserName: name }), options)
            .then(({ User }) => ({ arn: User?.Arn ?? '', id: User?.UserId ?? '' }))
        : await iam
            .send(new GetRoleCommand({ RoleName: name }), options)
            .then(({ Role }) => ({ arn: Role?.Arn ?? '', id: Role?.RoleId ?? '' }));
    if (arn !== undefined && arn !== found.arn) throw targetGone(what, `is ${found.arn}, not ${arn}`);
    return { kind, name, ...found };
  } catch (error) {
    if (isAwsError(error, 'gone')) throw targetGone(what, 'does not exist');
    throw error;
  }
}

/** Why a principal holds up the account or Firebreak itself; empty when nothing found does. */
export async function supportsOf({ account, incident }: Place, principal: Principal): Promise<string[]> {
  const engine = await account.engine(incident);
  const reasons: string[] = [];
  if (isEngine(engine.arn, principal)) reasons.push('Firebreak itself acts as it');
  if (isProtected(principal.arn, account.breakGlass)) {
    reasons.push(`it is in accounts.${account.name}.breakGlass`);
  }
  if (principal.arn.includes(':role/aws-service-role/')) {
    reasons.push('it is a service-linked role, which only AWS itself may change');
  }
  if (principal.arn.includes(':role/aws-reserved/')) {
    reasons.push('IAM Identity Center manages it: remove the assignment there');
  }
  return reasons;
}

/** `arn:aws:sts::…:assumed-role/firebreak/session`, or `arn:aws:iam::…:user/path/firebreak`. */
function isEngine(engineArn: string, { kind, name }: Principal): boolean {
  const [type, ...path] = engineArn.slice(engineArn.lastIndexOf(':') + 1).split('/');
  return kind === 'role'
    ? type === 'assumed-role' && path[0] === name
    : type === 'user' && path.at(-1) === name;
}
