import { expect, test } from '@jest/globals';
import { clusterRegistry } from '../../../activities/kubernetes/client.ts';
import { kubernetesActions } from '../../../activities/kubernetes/index.ts';
import { rbacManifests } from '../../../activities/kubernetes/rbac.ts';
import { secretStores } from '../../../activities/secrets/index.ts';
import { noImages } from '../../support/no-images.ts';

const actions = kubernetesActions({
  clusters: clusterRegistry([]),
  responderGroup: 'responders',
  secrets: secretStores([]),
  images: noImages,
});
const permissions = actions.flatMap((action) => action.permissions);
const manifestsOf = (granted: typeof permissions) =>
  rbacManifests({
    permissions: granted,
    engine: { kind: 'User', name: 'engine' },
    responderGroup: 'responders',
  });
const manifests = manifestsOf(permissions);

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}
const rulesOf = (kind: string, name: string, among = manifests) =>
  among
    .filter((each) => each.kind === kind && each.metadata.name === name)
    .flatMap((each) => each['rules'] as Rule[]);

test('no role holds a wildcard', () => {
  const roles = manifests.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
  expect(roles.map(({ metadata }) => metadata.name).toSorted()).toEqual([
    'firebreak-engine',
    'firebreak-engine',
    'firebreak-probe',
    'firebreak-responder',
    'firebreak-responder',
  ]);
  expect(JSON.stringify(roles)).not.toContain('*');
});

const isWrite = ({ verbs }: Rule) =>
  verbs.some((verb) => !['get', 'list', 'watch', 'impersonate'].includes(verb));

test('the engine may impersonate nobody but the probe, and may not exec, nor change RBAC', () => {
  const rules = rulesOf('ClusterRole', 'firebreak-engine');
  expect(rules.filter(({ verbs }) => verbs.includes('impersonate'))).toEqual([
    { apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames: ['firebreak:probe'] },
  ]);
  const resources = rules.flatMap((rule) => rule.resources);
  expect(resources.filter((resource) => resource.includes('exec'))).toEqual([]);
  expect(rules.filter(isWrite).flatMap((rule) => rule.apiGroups)).not.toContain('rbac.authorization.k8s.io');
});

test('an engine that contains and collects only never reads Secrets, writes policies alone, and at most evicts pods', () => {
  const contains = actions.filter(({ effect }) => effect === 'read' || effect === 'contain');
  const among = manifestsOf(contains.flatMap((action) => action.permissions));
  const rules = rulesOf('ClusterRole', 'firebreak-engine', among);
  const resources = rules.flatMap((rule) => rule.resources);
  expect(resources.filter((resource) => /secrets|token/.test(resource))).toEqual([]);
  expect(new Set(rules.filter(isWrite).flatMap((rule) => rule.resources))).toEqual(
    new Set([
      'networkpolicies',
      'validatingadmissionpolicies',
      'validatingadmissionpolicybindings',
      'selfsubjectreviews',
      // Of kubernetes.block-images, with `replace`.
      'pods/eviction',
    ]),
  );
});

test('ConfigMaps may be written where the kits are, and nowhere else', () => {
  expect(manifests.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace)).toEqual([
    'firebreak',
    'firebreak',
  ]);
  expect(rulesOf('Role', 'firebreak-engine')).toEqual([
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'delete', 'get', 'update'] },
  ]);
});

test('every permission says why', () => {
  const granted = permissions.filter((permission) => permission.system === 'kubernetes');
  expect(granted.length).toBeGreaterThan(0);
  for (const { why, verbs, resources } of granted) {
    expect(why.length).toBeGreaterThan(5);
    expect(verbs.length * resources.length).toBeGreaterThan(0);
  }
});
