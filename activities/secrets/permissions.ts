import type { KubernetesPermission, Permission, Verb } from '../../domain/permission.ts';

/** What a store is bound to: it takes no name outside of it, and asks for no right outside of it. */
export type StoreScope = KubernetesScope | AwsScope | { kind: 'file' };

export interface KubernetesScope {
  kind: 'kubernetes';
  /** By its configured name. */
  cluster: string;
  namespaces: readonly string[];
  /** Names of Secrets in these namespaces; all of them when absent. */
  secrets?: readonly string[];
}

export interface AwsScope {
  kind: 'aws-secrets-manager';
  /** By its configured name. */
  account: string;
  /** What names of its secrets begin with. */
  prefix: string;
}

export type Use = 'read' | 'write';

const reasons: { readonly [use in Use]: string } = {
  read: 'the secret that is named',
  write: 'to keep a new value where it is named',
};

const awsActions: { readonly [use in Use]: string[] } = {
  read: ['secretsmanager:GetSecretValue'],
  write: [
    'secretsmanager:GetSecretValue',
    'secretsmanager:CreateSecret',
    'secretsmanager:TagResource',
    'secretsmanager:PutSecretValue',
    'secretsmanager:UpdateSecretVersionStage',
  ],
};

/** What the engine needs in a store. Which path it is, is known only when a playbook runs: its scope is all that can be said. */
export function storePermissions(scope: StoreScope, use: Use, verb: Verb): Permission[] {
  const why = reasons[use];
  if (scope.kind === 'file') return [];
  if (scope.kind === 'kubernetes')
    return scope.namespaces.flatMap((namespace) => ofNamespace(scope, namespace, use, { why, verb }));
  const resources = [`arn:\${partition}:secretsmanager:\${region}:\${account}:secret:${arnEndOf(scope)}`];
  return [{ system: 'aws', account: scope.account, actions: awsActions[use], resources, why, verb }];
}

function ofNamespace(
  { cluster, secrets }: KubernetesScope,
  namespace: string,
  use: Use,
  reason: { why: string; verb: Verb },
): KubernetesPermission[] {
  const all = { system: 'kubernetes' as const, cluster, namespace, apiGroups: [''], resources: ['secrets'] };
  const named = secrets === undefined ? {} : { resourceNames: [...secrets] };
  if (use === 'read') return [{ ...all, verbs: ['get'], ...named, ...reason }];
  return [
    { ...all, verbs: ['get', 'patch'], ...named, ...reason },
    // RBAC sees no name in a create.
    { ...all, verbs: ['create'], ...reason },
  ];
}

/**
 * AWS ends each ARN with a hyphen and six characters of its own. They are asked for apart from the name: else `ci-*` would be the secret `ci`, too.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
 */
function arnEndOf({ prefix }: AwsScope): string {
  return `${prefix}*-??????`;
}
