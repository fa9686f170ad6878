import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { KubernetesObject } from '../../../activities/kubernetes/resources.ts';
import { differences, mostDifferences } from '../../../activities/kubernetes/workload/differences.ts';
import type { PodTemplate, Workload } from '../../../activities/kubernetes/workload/kinds.ts';
import { revisionsOf } from '../../../activities/kubernetes/workload/revisions.ts';
import {
  asStored,
  containersOf,
  normalised,
  templateDigest,
  withImages,
} from '../../../activities/kubernetes/workload/template.ts';
import { listing } from '../../support/listing-cluster.ts';

const signal = AbortSignal.timeout(10_000);
const app = (more: object = {}): PodTemplate => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'app', image: 'shop.invalid/app:1', ...more }] },
});
const env = (...entries: object[]) => app({ env: entries });

describe('a template', () => {
  const marked: PodTemplate = {
    metadata: {
      creationTimestamp: null,
      labels: { app: 'web', 'pod-template-hash': '5d9f' },
      annotations: { 'kubectl.kubernetes.io/restartedAt': 'now', 'firebreak.dev/restarted-for': 'x' },
    },
    $patch: 'replace',
    spec: { ...app().spec, nodeName: null },
  };

  test('is the same without the hash of its controller, marks of restarts and ours, and nulls', () => {
    expect(normalised(marked)).toEqual(app());
    expect(templateDigest(marked)).toBe(templateDigest(app()));
    expect(differences(marked, app())).toEqual([]);
    expect(asStored(marked).metadata?.annotations).toHaveProperty(['firebreak.dev/restarted-for']);
  });

  test('names every container, and takes images by their names', () => {
    const template: PodTemplate = {
      spec: {
        initContainers: [{ name: 'migrate', image: 'shop.invalid/migrate:1' }],
        containers: [
          { name: 'app', image: 'shop.invalid/app:1' },
          { name: 'side', image: 'x' },
        ],
      },
    };
    const pinned = withImages(
      template,
      new Map([
        ['migrate', 'm@sha256:1'],
        ['app', 'a@sha256:2'],
      ]),
    );
    expect(containersOf(pinned)).toEqual([
      { name: 'migrate', role: 'init', image: 'm@sha256:1' },
      { name: 'app', role: 'container', image: 'a@sha256:2' },
      { name: 'side', role: 'container', image: 'x' },
    ]);
    expect(differences(template, pinned)).toEqual([]);
    expect(containersOf({})).toEqual([]);
  });
});

describe('differences', () => {
  const hash = expect.stringMatching(/^sha256:[0-9a-f]{12}…$/);
  const base = env({ name: 'MODE', value: 'safe' }, { name: 'LEVEL', value: '1' });

  test.each<[string, PodTemplate, PodTemplate, object[]]>([
    [
      'a command',
      app(),
      app({ command: ['sh', '-c', 'id'] }),
      [{ path: 'spec.containers[app].command', after: '["sh","-c","id"]' }],
    ],
    [
      'a value of env by its name',
      base,
      env({ name: 'MODE', value: 'x' }, { name: 'LEVEL', value: '1' }),
      [{ path: 'spec.containers[app].env[MODE].value', before: 'safe', after: 'x' }],
    ],
    [
      'an entry that is gone',
      base,
      env({ name: 'LEVEL', value: '1' }),
      [{ path: 'spec.containers[app].env[MODE]', before: '{"name":"MODE","value":"safe"}' }],
    ],
    [
      'another order',
      base,
      env({ name: 'LEVEL', value: '1' }, { name: 'MODE', value: 'safe' }),
      [{ path: 'spec.containers[app].env (order)', before: 'MODE, LEVEL', after: 'LEVEL, MODE' }],
    ],
    [
      'a name twice',
      base,
      env({ name: 'MODE', value: 'safe' }, { name: 'MODE', value: 'x' }),
      [{ path: 'spec.containers[app].env' }],
    ],
    [
      'the image of a volume',
      { spec: {} },
      { spec: { volumes: [{ name: 'v', image: { reference: 'evil' } }] } },
      [{ path: 'spec.volumes', after: '[{"name":"v","image":{"reference":"evil"}}]' }],
    ],
    [
      'a container',
      app(),
      { ...app(), spec: { containers: [...(app().spec?.containers ?? []), { name: 'evil', image: 'e' }] } },
      [{ path: 'spec.containers[evil]', after: '{"name":"evil","image":"e"}' }],
    ],
    [
      'where a secret comes from',
      env({ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'a', key: 't' } } }),
      env({ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'b', key: 't' } } }),
      [{ path: 'spec.containers[app].env[TOKEN].valueFrom.secretKeyRef.name', before: 'a', after: 'b' }],
    ],
    [
      'the ServiceAccount',
      { spec: { serviceAccountName: 'web' } },
      { spec: { serviceAccountName: 'admin' } },
      [{ path: 'spec.serviceAccountName', before: 'web', after: 'admin' }],
    ],
    [
      'a number',
      { spec: { securityContext: { runAsUser: 1000 } } },
      { spec: { securityContext: { runAsUser: 0 } } },
      [{ path: 'spec.securityContext.runAsUser', before: '1000', after: '0' }],
    ],
    [
      'text that draws nothing',
      { spec: { hostname: 'a' } },
      { spec: { hostname: 'a\u202e\n' } },
      [{ path: 'spec.hostname', before: 'a', after: 'a⟨U+202E⟩⏎' }],
    ],
  ])('%s', (_, before, after, expected) => {
    const found = differences(before, after);
    expect(found).toHaveLength(expected.length);
    expect(found).toMatchObject(expected);
  });

  const secrets: [string, PodTemplate][] = [
    ['env by its name', env({ name: 'DB_PASSWORD', value: 'hunter22' })],
    ['env by its form', env({ name: 'UPSTREAM', value: 'https://user:hunter22@shop.invalid/' })],
    ['a flag', app({ args: ['serve', '--token=hunter22'] })],
    ['a flag and its value', app({ args: ['serve', '--password', 'hunter22'] })],
    ['a shell', app({ command: ['sh', '-c', 'export API_KEY=hunter22; exec app'] })],
    [
      'a header',
      app({ livenessProbe: { httpGet: { httpHeaders: [{ name: 'Authorization', value: 'hunter22' }] } } }),
    ],
    ['an annotation', { metadata: { annotations: { 'example.com/token': 'hunter22' } } }],
    ['an annotation with a structural name', { metadata: { annotations: { secret: 'hunter22' } } }],
    [
      'a whole container',
      {
        spec: { initContainers: [{ name: 'init', env: [{ name: 'SECRET', value: 'hunter22' }] }] },
      },
    ],
  ];
  test.each(secrets)('a secret in %s is a hash', (_, template) => {
    for (const [from, to] of [
      [app(), template],
      [template, app()],
    ] as const) {
      const found = differences(from, to);
      expect(found.length).toBeGreaterThan(0);
      const told = JSON.stringify(found);
      expect(told).not.toContain('hunter22');
      expect(told).toMatch(/sha256:[0-9a-f]{12}…/);
    }
  });

  test('a changed secret shows two hashes', () => {
    const [one, two] = ['one-value', 'two-value'].map((value) => env({ name: 'DB_PASSWORD', value }));
    expect(differences(one ?? {}, two ?? {})).toEqual([
      { path: 'spec.containers[app].env[DB_PASSWORD].value', before: hash, after: hash },
    ]);
  });

  test('texts that are cut before they differ do not look the same', () => {
    const [one] = differences(app({ args: ['x'.repeat(500), 'a'] }), app({ args: ['x'.repeat(500), 'b'] }));
    expect(one?.before).not.toBe(one?.after);
  });

  test('are bounded, and say how many more there are', () => {
    const labels = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`l${index}`, 'x']));
    const found = differences({ metadata: { labels } }, {});
    expect(found).toHaveLength(1);
    const many = differences({ metadata: { labels } }, { metadata: { labels: { other: 'y' } } });
    expect(many).toHaveLength(mostDifferences);
    expect(many.at(-1)).toEqual({ path: '…', after: '32 more differences' });
  });
});

const word = fc.constantFrom('a', 'b', 'c', 'name', 'value', 'env', 'secret', 'args', '__proto__x');
const tree = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.string({ maxLength: 6 }),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.array(fc.record({ name: word, value: fc.string() }), { maxLength: 3 }),
    fc.dictionary(word, tie('node'), { maxKeys: 4 }),
  ),
})).node;
const spec = fc.dictionary(word, tree, { maxKeys: 5 });

describe('properties', () => {
  test('a template does not differ from itself, whatever the order of its fields', () => {
    fc.assert(
      fc.property(spec, (given) => {
        const reversed = Object.fromEntries(Object.entries(given).toReversed());
        expect(differences({ spec: given }, { spec: reversed })).toEqual([]);
      }),
    );
  });

  test('two templates differ exactly when their digests do', () => {
    fc.assert(
      fc.property(spec, spec, (one, other) => {
        const [a, b] = [{ spec: one }, { spec: other }];
        expect(differences(a, b).length > 0).toBe(templateDigest(a) !== templateDigest(b));
      }),
      { numRuns: 500 },
    );
  });

  test('one field that changes anywhere is found', () => {
    fc.assert(
      fc.property(spec, fc.string({ minLength: 1 }), (given, text) => {
        const changed = { ...given, command: text };
        const found = differences({ spec: given }, { spec: changed });
        expect(found).toHaveLength(1);
        expect(found[0]?.path).toBe('spec.command');
      }),
    );
  });

  test('no value under a name that says it is a secret is shown', () => {
    const secretName = fc.constantFrom(
      'DB_PASSWORD',
      'apiToken',
      'AWS_SECRET_ACCESS_KEY',
      'client-secret',
      'API_KEY',
    );
    const value = fc.stringMatching(/^zq[a-z]{10}$/);
    fc.assert(
      fc.property(secretName, value, spec, (name, hidden, given) => {
        for (const template of [
          env({ name, value: hidden }),
          app({ args: [`--${name}=${hidden}`] }),
          { ...app(), metadata: { annotations: { [name]: hidden } } },
          {
            spec: { ...given, initContainers: [{ name: 'i', env: [{ name, value: hidden }] }] },
          },
        ]) {
          expect(JSON.stringify(differences(app(), template))).not.toContain(hidden);
          expect(JSON.stringify(differences(template, app()))).not.toContain(hidden);
        }
      }),
    );
  });
});

const owner = (uid: string, controller = true) => [
  { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid, controller },
];

const set = (
  name: string,
  annotations: { [key: string]: string },
  template: PodTemplate,
  more: object = {},
): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name,
    namespace: 'shop',
    uid: `uid-${name}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations,
    ownerReferences: owner('u1'),
    ...more,
  },
  spec: {
    template: {
      ...template,
      metadata: { labels: { ...template.metadata?.labels, 'pod-template-hash': name } },
    },
  },
});

describe('revisions', () => {
  const deployment: Workload = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
    spec: { template: app({ args: ['3'] }) },
  };
  const revision = 'deployment.kubernetes.io/revision';

  test('of a Deployment: its own ReplicaSets, newest first, with who else wrote into their templates', async () => {
    const managedFields = [
      { manager: 'kube-controller-manager', fieldsV1: { 'f:spec': { 'f:template': {} } } },
      { manager: 'kube-controller-manager-1.34.4', fieldsV1: { 'f:spec': { 'f:template': {} } } },
      { manager: 'kubectl-edit', fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': {} } } } },
      { manager: 'hpa', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ];
    const cluster = listing({
      replicasets: [
        set('web-2', { [revision]: '2' }, app({ args: ['2'] }), { managedFields }),
        set(
          'web-10',
          { [revision]: '10', 'deployment.kubernetes.io/revision-history': '1,7' },
          app({ args: ['3'] }),
        ),
        set('foreign', { [revision]: '11' }, app(), { ownerReferences: owner('u2') }),
        set('not-controlled', { [revision]: '12' }, app(), { ownerReferences: owner('u1', false) }),
        set('odd', { [revision]: '1e9' }, app({ args: ['1'] })),
      ],
    });
    const found = await revisionsOf(cluster, deployment, signal);
    expect(
      found.map(({ name, number, formerNumbers, current, editedBy }) => ({
        name,
        number,
        formerNumbers,
        current,
        editedBy,
      })),
    ).toEqual([
      { name: 'web-10', number: 10, formerNumbers: [1, 7], current: true, editedBy: [] },
      { name: 'web-2', number: 2, formerNumbers: [], current: false, editedBy: ['kubectl-edit'] },
      { name: 'odd', number: 0, formerNumbers: [], current: false, editedBy: [] },
    ]);
    expect(found[1]?.template).toEqual(app({ args: ['2'] }));
    expect(found[1]?.templateDigest).toBe(templateDigest(app({ args: ['2'] })));
  });

  test('of a StatefulSet: its ControllerRevisions; of a CronJob: none', async () => {
    const statefulSet: Workload = { ...deployment, kind: 'StatefulSet' };
    const cluster = listing({
      controllerrevisions: [1, 3].map((number) => ({
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata: {
          name: `web-${number}`,
          namespace: 'shop',
          uid: `c${number}`,
          ownerReferences: owner('u1'),
        },
        revision: number,
        data: { spec: { template: { ...app({ args: [`${number}`] }), $patch: 'replace' } } },
      })),
    });
    const found = await revisionsOf(cluster, statefulSet, signal);
    expect(found.map(({ name, number, current, kind }) => ({ name, number, current, kind }))).toEqual([
      { name: 'web-3', number: 3, current: true, kind: 'ControllerRevision' },
      { name: 'web-1', number: 1, current: false, kind: 'ControllerRevision' },
    ]);
    expect(found[1]?.stored).toEqual(app({ args: ['1'] }));
    expect(await revisionsOf(listing({}), { ...deployment, kind: 'CronJob' }, signal)).toEqual([]);
  });
});
