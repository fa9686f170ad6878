import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  clusterRegistry,
  createCluster,
  type Cluster,
  type ClusterRegistry,
} from '../../activities/kubernetes/client.ts';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import type { Action, Mandate, Plan } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import type { JsonObject } from '../../domain/json.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { startKubernetes, type Kubernetes, type KubernetesOptions } from '../../testbed/kubernetes.ts';
import { engineUser, install } from './quarantine-house.ts';

/** A real API server with real controllers, one action under exactly the RBAC that is generated for it, and a store for evidence. */
export interface CredentialHouse<I extends JsonObject> {
  kubernetes: Kubernetes;
  admin: Cluster;
  engine: Cluster;
  evidence: EvidenceStore;
  /** Where it keeps its files. */
  evidenceDir: string;
  action: Action<I>;
  as(user: string, groups?: string[]): Promise<Cluster>;
  /** The HTTP status of a GET with a bearer token, as whoever stole it would send it. */
  statusWith(token: string, path: string): Promise<number>;
  close(): Promise<void>;
}

export async function openCredentialHouse<I extends JsonObject>(
  make: (options: { clusters: ClusterRegistry }) => Action<I>,
  /** Of other actions that are used beside it. */
  beside: readonly Action[] = [],
  options: KubernetesOptions = {},
): Promise<CredentialHouse<I>> {
  const kubernetes = await startKubernetes(options);
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-credentials-'));
  const opened: Cluster[] = [];
  const open = (kubeconfig: string) => {
    const cluster = createCluster({ name: 'shop-1', environment: 'staging', kubeconfig });
    opened.push(cluster);
    return cluster;
  };
  const as = async (user: string, groups: string[] = []) =>
    open(await kubernetes.kubeconfigFor(user, groups));
  const admin = open(kubernetes.adminKubeconfig);
  const engine = await as(engineUser);
  const action = make({ clusters: clusterRegistry([engine]) });
  await install(
    admin,
    [action, ...beside].flatMap(({ permissions }) => permissions),
  );
  const ca = await readFile(kubernetes.caFile, 'utf8');
  const evidenceDir = join(dir, 'evidence');
  const evidence = await openEvidence(evidenceDir, { maxTotalBytes: 1e9, maxArtefactBytes: 1e8 });
  return {
    kubernetes,
    admin,
    engine,
    evidence,
    evidenceDir,
    action,
    as,
    statusWith: (token, path) =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` };
        request(new URL(path, kubernetes.url), { ca, agent: false, headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', reject)
          .end();
      }),
    async close() {
      await Promise.all(opened.map((cluster) => cluster.close()));
      await kubernetes.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What a step hands over to the verbs after `plan`. */
export function mandateFor<I extends JsonObject>(
  request: { incident: string; step: string; input: I },
  plan: Plan,
): Mandate<I> {
  return { ...request, authority: plan.authority, base: plan.snapshot };
}

/** A workload of the kinds of `apps/v1`, with a label `app` by its name. */
export function workload(
  kind: 'Deployment' | 'StatefulSet' | 'DaemonSet',
  namespace: string,
  name: string,
  podSpec: object = {},
  spec: object = {},
): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas: 2 }),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image: 'shop.invalid/app:1' }], ...podSpec },
      },
      ...spec,
    },
  };
}

/** UIDs of the pods of an app that live, once there are `count` of them and all run. */
export async function runningPods(
  admin: Cluster,
  namespace: string,
  app: string,
  count: number,
): Promise<string[]> {
  for (;;) {
    const { items } = await admin.list<KubernetesObject & { status?: { phase?: string } }>(
      { ...resources.pods, namespace },
      { labelSelector: `app=${app}` },
    );
    const live = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (live.length === count && live.every(({ status }) => status?.phase === 'Running'))
      return live.map(({ metadata }) => metadata.uid ?? '').toSorted();
  }
}
