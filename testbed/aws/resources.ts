import type { Caller } from './sessions.ts';
import type { Call } from './call.ts';
import { textParam } from './call.ts';
import type { Directory } from './directory.ts';

/** What a call acts on, for policies: the resource's ARN, and the condition keys that go with it. */
export interface Aim {
  resource: string;
  context: { [key: string]: string };
  /** The trust policy of the role that is assumed. */
  trust?: unknown;
}

export interface Surroundings {
  accountId: string;
  directory: Directory;
  caller: Caller;
  /** The ARN of a secret that is named without its random end; undefined when there is none. */
  secretArn: (id: string) => Promise<string | undefined>;
}

/** What the call acts on; `*` where AWS knows no resource type for the action. */
export async function aimOf(call: Call, surroundings: Surroundings): Promise<Aim> {
  switch (call.service) {
    case 'iam':
      return iamAim(call, surroundings);
    case 'sts':
      return stsAim(call, surroundings);
    case 'lambda':
      return lambdaAim(call, surroundings);
    case 'secretsmanager':
      return secretAim(call, surroundings);
    default:
      return { resource: '*', context: {} };
  }
}

/**
 * What a call asks of policies, all on the same resource: a secret that is made with tags, or with replicas, needs the right to do these too.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
 */
export function actionsOf({ service, action, params }: Call): string[] {
  const own = `${service}:${action}`;
  if (own !== 'secretsmanager:CreateSecret') return [own];
  const asks = (param: string) => Array.isArray(params[param]) && params[param].length > 0;
  return [
    own,
    ...(asks('Tags') ? ['secretsmanager:TagResource'] : []),
    ...(asks('AddReplicaRegions') ? ['secretsmanager:ReplicateSecretToRegions'] : []),
  ];
}

/** Actions of IAM on the whole account, or on a policy though they name other things too. */
const ofAccount =
  /^(ListUsers|ListRoles|ListGroups|ListPolicies|ListAccountAliases|GetAccount\w+|GetCredentialReport|GenerateCredentialReport)$/;
const ofPolicy = /Policy(Version)?s?$|^ListEntitiesForPolicy$|^(Tag|Untag)Policy$/;

function iamAim(call: Call, { accountId, directory, caller }: Surroundings): Aim {
  const iam = `arn:aws:iam::${accountId}:`;
  const context: { [key: string]: string } = {};
  const policy = textParam(call, 'PolicyArn');
  const boundary = textParam(call, 'PermissionsBoundary');
  if (boundary !== undefined) context['iam:PermissionsBoundary'] = boundary;
  const user = textParam(call, 'UserName');
  const role = textParam(call, 'RoleName');
  const group = textParam(call, 'GroupName');
  if (ofAccount.test(call.action)) return { resource: '*', context };
  if (call.action === 'SimulatePrincipalPolicy' || call.action.includes('ContextKeys')) {
    return { resource: textParam(call, 'PolicySourceArn') ?? '*', context };
  }
  if (call.action === 'GetAccessKeyLastUsed') {
    const owner = directory.keys.get(textParam(call, 'AccessKeyId') ?? '')?.user ?? 'unknown';
    return { resource: directory.users.get(owner)?.arn ?? `${iam}user/${owner}`, context };
  }
  if (group !== undefined) {
    if (policy !== undefined) context['iam:PolicyARN'] = policy;
    return { resource: directory.groups.get(group) ?? `${iam}group/${group}`, context };
  }
  const named = user === undefined ? role : user;
  if (named !== undefined) {
    if (policy !== undefined) context['iam:PolicyARN'] = policy;
    const kind = user === undefined ? 'role' : 'user';
    const known = (kind === 'user' ? directory.users : directory.roles).get(named);
    for (const [key, value] of Object.entries(known?.tags ?? {})) {
      context[`aws:ResourceTag/${key}`] = value;
      context[`iam:ResourceTag/${key}`] = value;
    }
    const path = call.action.startsWith('Create') ? (textParam(call, 'Path') ?? '/') : '/';
    return { resource: known?.arn ?? `${iam}${kind}${path}${named}`, context };
  }
  if (policy !== undefined) return { resource: policy, context };
  if (ofPolicy.test(call.action) && call.action === 'CreatePolicy') {
    const path = textParam(call, 'Path') ?? '/';
    return { resource: `${iam}policy${path}${textParam(call, 'PolicyName') ?? ''}`, context };
  }
  const profile = textParam(call, 'InstanceProfileName');
  if (profile !== undefined) return { resource: `${iam}instance-profile/${profile}`, context };
  // Without a name, an action on a user is on the caller.
  return { resource: caller.principal.arn, context };
}

function stsAim(call: Call, { directory }: Surroundings): Aim {
  const arn = textParam(call, 'RoleArn');
  if (arn === undefined) return { resource: '*', context: {} };
  const context: { [key: string]: string } = {};
  const external = textParam(call, 'ExternalId');
  const session = textParam(call, 'RoleSessionName');
  if (external !== undefined) context['sts:ExternalId'] = external;
  if (session !== undefined) context['sts:RoleSessionName'] = session;
  const role = [...directory.roles.values()].find((one) => one.arn === arn);
  return { resource: arn, context, ...(role === undefined ? {} : { trust: role.trust }) };
}

function lambdaAim(call: Call, { accountId }: Surroundings): Aim {
  const lambda = `arn:aws:lambda:${call.region}:${accountId}:`;
  const name = textParam(call, 'FunctionName');
  const arn = name === undefined ? undefined : name.startsWith('arn:') ? name : `${lambda}function:${name}`;
  if (call.action.includes('EventSourceMapping')) {
    const context = arn === undefined ? {} : { 'lambda:FunctionArn': arn };
    const uuid = textParam(call, 'UUID');
    return { resource: uuid === undefined ? '*' : `${lambda}event-source-mapping:${uuid}`, context };
  }
  const qualifier = textParam(call, 'Qualifier');
  const resource = arn === undefined || qualifier === undefined ? arn : `${arn}:${qualifier}`;
  return { resource: resource ?? textParam(call, 'Resource') ?? '*', context: {} };
}

async function secretAim(call: Call, { accountId, secretArn }: Surroundings): Promise<Aim> {
  const base = `arn:aws:secretsmanager:${call.region}:${accountId}:secret:`;
  if (call.action === 'CreateSecret') {
    // Its random end is not known yet: AWS matches policies against a placeholder.
    return { resource: `${base}${textParam(call, 'Name') ?? ''}-AbCdEf`, context: {} };
  }
  const id = textParam(call, 'SecretId');
  if (id === undefined) return { resource: '*', context: {} };
  if (id.startsWith('arn:')) return { resource: id, context: {} };
  return { resource: (await secretArn(id)) ?? `${base}${id}-AbCdEf`, context: {} };
}
