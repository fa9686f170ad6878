import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { startKubernetes } from '../../testbed/kubernetes.ts';
import type { Kubernetes } from '../../testbed/kubernetes.ts';
import { waitFor } from '../../testbed/process.ts';

const run = promisify(execFile);

let kubernetes: Kubernetes;

beforeAll(async () => {
  kubernetes = await startKubernetes({ nodes: 2 });
}, 120_000);

afterAll(() => kubernetes.stop());

/** kubectl as the administrator, or as the user of another kubeconfig; an object is applied from standard input. */
async function kubectl(args: string[], options: { as?: string; apply?: object } = {}): Promise<string> {
  const running = run(kubernetes.kubectl, [
    '--kubeconfig',
    options.as ?? kubernetes.adminKubeconfig,
    ...args,
  ]);
  running.child.stdin?.end(options.apply === undefined ? undefined : JSON.stringify(options.apply));
  return (await running).stdout;
}

const podsSchema = z.object({
  items: z.array(
    z.object({
      spec: z.object({ nodeName: z.string() }),
      status: z.object({
        phase: z.string(),
        hostIP: z.string(),
        podIP: z.string(),
        containerStatuses: z.array(
          z.object({ name: z.string(), ready: z.boolean(), imageID: z.string(), containerID: z.string() }),
        ),
      }),
    }),
  ),
});

const pods = async (...args: string[]): Promise<z.infer<typeof podsSchema>['items']> =>
  podsSchema.parse(JSON.parse(await kubectl(['get', 'pods', ...args, '-o', 'json']))).items;

const auditSchema = z.looseObject({
  verb: z.string(),
  user: z.object({ username: z.string() }),
  objectRef: z.object({ resource: z.string().optional(), name: z.string().optional() }).optional(),
});

const auditEvents = async (): Promise<z.infer<typeof auditSchema>[]> =>
  (await readFile(kubernetes.auditLogFile, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => auditSchema.parse(JSON.parse(line)));

test('a Deployment gets two running pods with addresses and image digests, and its deletion ends', async () => {
  await kubectl(['create', 'namespace', 'shop']);
  await kubectl([
    '-n',
    'shop',
    'create',
    'deployment',
    'web',
    '--image=registry.test:5000/web:1.0',
    '--replicas=2',
  ]);
  await kubectl(['-n', 'shop', 'rollout', 'status', 'deployment/web', '--timeout=30s']);
  const items = await pods('-n', 'shop', '-l', 'app=web');
  expect(items).toHaveLength(2);
  expect(new Set(items.map((pod) => pod.status.podIP)).size).toBe(2);
  for (const pod of items) {
    expect(pod.status).toMatchObject({ phase: 'Running', hostIP: '127.0.0.1' });
    expect(pod.spec.nodeName).toMatch(/^node-[12]$/);
    const [container] = pod.status.containerStatuses;
    expect(container).toMatchObject({ name: 'web', ready: true });
    expect(container?.imageID).toMatch(/^registry\.test:5000\/web@sha256:[0-9a-f]{64}$/);
    expect(container?.containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
  }
  await kubectl(['delete', 'namespace', 'shop', '--wait', '--timeout=30s']);
  await expect(kubectl(['get', 'namespace', 'shop'])).rejects.toThrow('NotFound');
});

test('a pod that pins a digest reports it, and a Job completes', async () => {
  const image = `registry.test/job@sha256:${'ab'.repeat(32)}`;
  await kubectl(['create', 'job', 'once', `--image=${image}`]);
  await kubectl(['wait', '--for=condition=complete', 'job/once', '--timeout=30s']);
  const [pod] = await pods('-l', 'job-name=once');
  expect(pod?.status).toMatchObject({ phase: 'Succeeded', containerStatuses: [{ imageID: image }] });
});

test('a user without a binding is refused, with one it may do what the binding says, and groups count', async () => {
  const user = await kubernetes.kubeconfigFor('jane', ['auditors']);
  await expect(kubectl(['get', 'pods'], { as: user })).rejects.toThrow(
    'pods is forbidden: User "jane" cannot list resource "pods"',
  );
  await kubectl(['create', 'rolebinding', 'auditors-view', '--clusterrole=view', '--group=auditors']);
  await waitFor('the binding', async () => (await kubectl(['get', 'pods'], { as: user })) !== undefined);
  await expect(kubectl(['delete', 'pods', '--all'], { as: user })).rejects.toThrow('forbidden');
});

test('a ServiceAccount gets a token that authenticates as it', async () => {
  await kubectl(['create', 'serviceaccount', 'robot']);
  const token = (await kubectl(['create', 'token', 'robot'])).trim();
  const review = await kubectl(['create', '-f', '-', '-o', 'json'], {
    apply: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
  });
  expect(JSON.parse(review).status).toMatchObject({
    authenticated: true,
    user: { username: 'system:serviceaccount:default:robot' },
  });
});

test('a NetworkPolicy is stored and is in the audit log with its body; the body of a Secret is not', async () => {
  await kubectl(['apply', '-f', '-'], {
    apply: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'deny-all', namespace: 'default' },
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    },
  });
  await kubectl(['create', 'secret', 'generic', 'hidden', '--from-literal=password=correct-horse-battery']);
  const log = await readFile(kubernetes.auditLogFile, 'utf8');
  const events = await auditEvents();
  const created = events.filter(
    ({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'networkpolicies',
  );
  expect(created).toHaveLength(1);
  expect(created[0]).toMatchObject({
    user: { username: 'testbed-admin' },
    responseStatus: { code: 201 },
    requestObject: { spec: { policyTypes: ['Ingress', 'Egress'] } },
  });
  expect(
    events.some(({ objectRef }) => objectRef?.resource === 'secrets' && objectRef.name === 'hidden'),
  ).toBe(true);
  expect(log).not.toContain('correct-horse-battery');
  expect(log).not.toContain(Buffer.from('correct-horse-battery').toString('base64'));
});

test('a ValidatingAdmissionPolicy takes effect, for the administrator too', async () => {
  await kubectl(['create', 'namespace', 'frozen']);
  for (const object of [
    {
      kind: 'ValidatingAdmissionPolicy',
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
          ],
        },
        validations: [{ expression: 'false', message: 'frozen for an incident' }],
      },
    },
    {
      kind: 'ValidatingAdmissionPolicyBinding',
      spec: {
        policyName: 'freeze',
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'frozen' } } },
      },
    },
  ]) {
    await kubectl(['apply', '-f', '-'], {
      apply: { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'freeze' }, ...object },
    });
  }
  let refusal = '';
  await waitFor(
    'the freeze',
    async () => {
      refusal = await kubectl(['-n', 'frozen', 'create', 'configmap', 'x', '--dry-run=server']).catch(String);
      return refusal.includes('frozen for an incident');
    },
    10_000,
  );
  expect(refusal).toContain("ValidatingAdmissionPolicy 'freeze' with binding 'freeze' denied request");
  await kubectl(['-n', 'default', 'create', 'configmap', 'x', '--dry-run=server']);
});

test('a pod is deleted by an identity like a kubelet’s', async () => {
  await kubectl(['run', 'short-lived', '--image=registry.test/x']);
  await kubectl(['wait', '--for=condition=Ready', 'pod/short-lived', '--timeout=30s']);
  await kubectl(['delete', 'pod', 'short-lived', '--wait', '--timeout=30s']);
  const events = await auditEvents();
  const users = events
    .filter(
      ({ verb, objectRef }) =>
        verb === 'delete' && objectRef?.resource === 'pods' && objectRef.name === 'short-lived',
    )
    .map(({ user }) => user.username);
  expect(new Set(users)).toEqual(
    new Set(['testbed-admin', expect.stringMatching(/^system:node:node-[12]$/)]),
  );
});

test('logs, current and previous, are what was written for each container', async () => {
  await kubectl(['apply', '-f', '-'], {
    apply: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'talker', namespace: 'default' },
      spec: { containers: ['app', 'sidecar'].map((name) => ({ name, image: 'registry.test/x' })) },
    },
  });
  await kubectl(['wait', '--for=condition=Ready', 'pod/talker', '--timeout=30s']);
  const pod = { namespace: 'default', pod: 'talker' };
  await kubernetes.writePodLogs({ ...pod, container: 'app', current: ['first'] });
  await kubernetes.writePodLogs({ ...pod, container: 'sidecar', current: [] });
  await kubernetes.writePodLogs({
    ...pod,
    container: 'app',
    current: ['one', 'two'],
    previous: ['panic: nil'],
  });
  expect(await kubectl(['logs', 'talker', '-c', 'app'])).toBe('one\ntwo\n');
  expect(await kubectl(['logs', 'talker', '-c', 'app', '--tail=1'])).toBe('two\n');
  expect(await kubectl(['logs', 'talker', '-c', 'app', '--previous'])).toBe('panic: nil\n');
  expect(await kubectl(['logs', 'talker', '-c', 'sidecar'])).toBe('');
  await expect(kubectl(['logs', 'talker', '-c', 'sidecar', '--previous'])).rejects.toThrow('BadRequest');
});

test('the API goes down and comes back under the same URL with its data', async () => {
  await kubectl(['create', 'configmap', 'kept', '--from-literal=key=value']);
  await kubernetes.stopApiServer();
  await expect(kubectl(['get', 'configmap', 'kept'])).rejects.toThrow('refused');
  await kubernetes.startApiServer();
  expect(await kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.key}'])).toBe('value');
}, 60_000);

test('stopping leaves no process', async () => {
  const pids = kubernetes.pids();
  // etcd, apiserver, controller-manager, scheduler, two nodes
  expect(pids).toHaveLength(6);
  await kubernetes.stop();
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(kubernetes.pids()).toEqual([]);
});
