import { expect, test } from '@jest/globals';
import type { AwsPermission, KubernetesPermission } from '../../../domain/permission.ts';
import type { CallRecord } from '../../../testbed/aws.ts';
import type { KubernetesRequest } from '../../support/audit-log.ts';
import { awsPermissionsUsed, kubernetesPermissionsUsed } from '../../support/permissions-used.ts';

const place = { account: '111122223333', region: 'eu-central-1', partition: 'aws' };
const users = 'arn:${partition}:iam::${account}:user/*';
const user = 'arn:aws:iam::111122223333:user/ci';

const aws = (actions: string[], resources: string[]): AwsPermission => ({
  system: 'aws',
  actions,
  resources,
  why: 'a test',
  verb: 'apply',
});

const call = (action: string, resource: string, service = 'iam'): CallRecord => ({
  time: new Date(0),
  requestId: '1',
  accessKeyId: 'ASIA',
  service,
  action,
  resource,
  parameters: {},
  userAgent: '',
});

test('on AWS: used and declared agree, action by action and resource by resource', () => {
  const permissions = [aws(['iam:GetUser', 'iam:DeleteUser'], [users]), aws(['iam:ListUsers'], ['*'])];
  const all = [call('GetUser', user), call('DeleteUser', user), call('ListUsers', '*')];
  expect(awsPermissionsUsed({ permissions }, all, place)).toEqual({ unused: [], undeclared: [] });
  for (const [index, { action, resource }] of all.entries()) {
    const without = awsPermissionsUsed({ permissions }, all.toSpliced(index, 1), place);
    const declared = resource === '*' ? '*' : 'arn:aws:iam::111122223333:user/*';
    expect(without).toEqual({ unused: [`iam:${action} on ${declared}`], undeclared: [] });
  }
});

test('on AWS: what was not declared is named, on another resource too; what needs no right is not', () => {
  const permissions = [aws(['iam:GetUser'], [users])];
  const role = 'arn:aws:iam::111122223333:role/ci';
  const asked = [
    call('GetUser', user),
    call('GetUser', role),
    call('GetRole', role),
    call('GetCallerIdentity', '*', 'sts'),
  ];
  expect(awsPermissionsUsed({ permissions }, asked, place)).toEqual({
    unused: [],
    undeclared: [`iam:GetRole on ${role}`, `iam:GetUser on ${role}`],
  });
});

test('on AWS: a secret that is made with tags is tagged too', () => {
  const secret = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:ci';
  const permissions = [aws(['secretsmanager:CreateSecret'], [secret])];
  const made = call('CreateSecret', secret, 'secretsmanager');
  expect(awsPermissionsUsed({ permissions }, [made], place).undeclared).toEqual([]);
  const tagged = { ...made, parameters: { tags: [{ Key: 'managed-by', Value: 'firebreak' }] } };
  expect(awsPermissionsUsed({ permissions }, [tagged], place)).toEqual({
    unused: [],
    undeclared: [`secretsmanager:TagResource on ${secret}`],
  });
});

const rule = (over: Partial<KubernetesPermission>): KubernetesPermission => ({
  system: 'kubernetes',
  apiGroups: [''],
  resources: ['pods'],
  verbs: ['list'],
  why: 'a test',
  verb: 'plan',
  ...over,
});

const request = (over: Partial<KubernetesRequest>): KubernetesRequest => ({
  group: '',
  resource: 'pods',
  verb: 'list',
  name: undefined,
  namespace: 'shop',
  ...over,
});

test('in Kubernetes: by group, resource, subresource, verb, name and namespace', () => {
  const permissions = [
    rule({}),
    rule({ resources: ['pods/log'], verbs: ['get'] }),
    rule({ resources: ['users'], verbs: ['impersonate'], resourceNames: ['firebreak:probe'] }),
    rule({ resources: ['configmaps'], verbs: ['get'], namespace: 'firebreak-kit' }),
  ];
  const agreed = [
    request({}),
    request({ resource: 'pods/log', verb: 'get', name: 'web' }),
    request({ resource: 'users', verb: 'impersonate', name: 'firebreak:probe' }),
    request({ resource: 'configmaps', verb: 'get', name: 'kit', namespace: 'firebreak-kit' }),
    request({ group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews', verb: 'create' }),
  ];
  expect(kubernetesPermissionsUsed({ permissions }, agreed)).toEqual({ unused: [], undeclared: [] });
  // Of oneself it may be declared too, and then it is to be used.
  const ofOneself = { apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews'] };
  const more = [...permissions, rule({ ...ofOneself, verbs: ['create'] })];
  expect(kubernetesPermissionsUsed({ permissions: more }, agreed)).toEqual({ unused: [], undeclared: [] });
  expect(kubernetesPermissionsUsed({ permissions: more }, agreed.slice(0, -1)).unused).toEqual([
    'create selfsubjectaccessreviews.authorization.k8s.io',
  ]);
  const others = [
    request({ verb: 'watch' }),
    request({ group: 'metrics.k8s.io' }),
    request({ resource: 'users', verb: 'impersonate', name: 'root' }),
    request({ resource: 'configmaps', verb: 'get', name: 'kit', namespace: 'shop' }),
  ];
  expect(kubernetesPermissionsUsed({ permissions }, others)).toEqual({
    unused: ['get configmaps', 'get pods/log', 'impersonate users/firebreak:probe', 'list pods'],
    undeclared: ['get configmaps/kit', 'impersonate users/root', 'list pods.metrics.k8s.io', 'watch pods'],
  });
});
