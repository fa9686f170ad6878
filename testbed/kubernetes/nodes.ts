import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { binary } from '../binaries.ts';
import { freePort } from '../ports.ts';
import { startService, waitFor } from '../process.ts';
import type { RunningProcess } from '../process.ts';
import { apply } from './api.ts';
import type { Api } from './api.ts';
import { writeKeyPair } from './certificates.ts';
import type { Plane } from './control-plane.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { installPodLogs, writeDefaultPodLogs } from './pod-logs.ts';
import { STAGES } from './stages.ts';

const nodeSchema = z.object({
  spec: z.object({ taints: z.array(z.unknown()).optional() }),
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional() }),
});
const nodeListSchema = z.object({ items: z.array(nodeSchema) });

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLE = 'firebreak-testbed-kwok';

/** Once, before the first node: what kwok reads beyond what the Node authorizer lets a kubelet read. */
export async function prepareNodes(api: Api): Promise<void> {
  await Promise.all([
    apply(api, `${RBAC}/clusterroles/${ROLE}`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: ROLE },
      rules: [
        { apiGroups: [''], resources: ['nodes'], verbs: ['list'] },
        { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list', 'watch'] },
        { apiGroups: ['kwok.x-k8s.io'], resources: ['logs'], verbs: ['get', 'list', 'watch'] },
      ],
    }),
    apply(api, `${RBAC}/clusterrolebindings/${ROLE}`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: ROLE },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: ROLE },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
    }),
    installPodLogs(api),
  ]);
}

/**
 * Starts a pretended node: a kwok of its own with the identity that a kubelet has (`system:node:<name>`), so that the Node
 * authorizer, NodeRestriction and any policy that exempts the kubelet meet what they would meet in a real cluster.
 */
export async function startNode(plane: Plane, url: string, api: Api, index: number): Promise<RunningProcess> {
  const { dir, ca } = plane;
  const name = `node-${index}`;
  const port = await freePort();
  const [kubelet, server] = await Promise.all([
    ca.client(`system:node:${name}`, ['system:nodes']),
    ca.server(name),
  ]);
  const configFile = join(dir, `${name}.kwok.yaml`);
  const documents = [...STAGES, await writeDefaultPodLogs(dir)].map((object) => JSON.stringify(object));
  const [kubeconfig, serverFiles] = await Promise.all([
    writeKubeconfig(
      join(dir, `${name}.kubeconfig`),
      { url, caCertificate: ca.certificate },
      `system:node:${name}`,
      kubelet,
    ),
    writeKeyPair(dir, name, server),
    writeFile(configFile, documents.join('\n---\n')),
    apply(api, `/api/v1/nodes/${name}`, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
      spec: { podCIDR: `10.${63 + index}.0.0/16` },
    }),
  ]);
  return startService({
    name: `kwok ${name}`,
    command: await binary('kwok'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--config=${configFile}`,
      `--manage-single-node=${name}`,
      '--node-ip=127.0.0.1',
      `--node-port=${port}`,
      `--server-address=127.0.0.1:${port}`,
      `--tls-cert-file=${serverFiles.certificateFile}`,
      `--tls-private-key-file=${serverFiles.keyFile}`,
      '--node-lease-duration-seconds=40',
      '--enable-crds=Logs',
    ],
    logFile: join(dir, `${name}.log`),
    ready: () => isReady(api, name),
  });
}

/** Waits until the scheduler may use every node: the node lifecycle controller has taken its not-ready taint away. */
export async function waitForSchedulableNodes(api: Api, count: number): Promise<void> {
  await waitFor(`${count} schedulable nodes`, async () => {
    const { items } = nodeListSchema.parse((await api.get('/api/v1/nodes')).body);
    return items.length >= count && items.every((node) => !node.spec.taints?.length);
  });
}

async function isReady(api: Api, name: string): Promise<boolean> {
  const { status, body } = await api.get(`/api/v1/nodes/${name}`);
  if (status !== 200) return false;
  const conditions = nodeSchema.parse(body).status.conditions ?? [];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
