import type { Permission, Verb } from '../../domain/permission.ts';

export type StoreKind = 'kubernetes' | 'aws-secrets-manager' | 'file';
export type Use = 'read' | 'write';

const reasons: { readonly [use in Use]: string } = {
  read: 'the secret that is named',
  write: 'to keep a new value where it is named',
};

const kubernetesVerbs: { readonly [use in Use]: string[] } = {
  read: ['get'],
  write: ['get', 'create', 'patch'],
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

/** What the engine needs in a store of a kind. A path is known only when a playbook runs, so no name can be given here. */
export function storePermissions(kind: StoreKind, use: Use, verb: Verb): Permission[] {
  const why = reasons[use];
  if (kind === 'kubernetes')
    return [
      {
        system: 'kubernetes',
        apiGroups: [''],
        resources: ['secrets'],
        verbs: kubernetesVerbs[use],
        why,
        verb,
      },
    ];
  if (kind === 'file') return [];
  const resources = ['arn:${partition}:secretsmanager:${region}:${account}:secret:*'];
  return [{ system: 'aws', actions: awsActions[use], resources, why, verb }];
}
