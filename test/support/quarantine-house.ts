import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createCluster, clusterRegistry, type Cluster } from '../../activities/kubernetes/client.ts';
import { isKubernetesError } from '../../activities/kubernetes/errors.ts';
import { kubernetesActions } from '../../activities/kubernetes/index.ts';
import { meaning } from '../../activities/kubernetes/quarantine/marks.ts';
import { rbacManifests } from '../../activities/kubernetes/rbac.ts';
import { resources, type KubernetesObject, type Location } from '../../activities/kubernetes/resources.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import type { Action, Mandate, Plan } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import type { Permission } from '../../domain/permission.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { noImages } from './no-images.ts';

export const responderGroup = 'shop-responders';
export const engineUser = 'firebreak-engine';

/** A real API server, the engine under its generated RBAC only, and a store for evidence. */
export interface House {
  kubernetes: Kubernetes;
  admin: Cluster;
  engine: Cluster;
  evidence: EvidenceStore;
  quarantine: Action;
  as(user: string, groups?: string[]): Promise<Cluster>;
  close(): Promise<void>;
}

export async function openHouse(): Promise<House> {
  const kubernetes = await startKubernetes();
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-quarantine-'));
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
  const [quarantine] = kubernetesActions({
    clusters: clusterRegistry([engine]),
    responderGroup,
    secrets: secretStores([]),
    images: noImages,
  });
  if (quarantine === undefined) throw new Error('there is no action');
  await install(admin, quarantine.permissions);
  const evidence = await openEvidence(join(dir, 'evidence'), {
    maxTotalBytes: 1e9,
    maxArtefactBytes: 1e8,
  });
  return {
    kubernetes,
    admin,
    engine,
    evidence,
    quarantine,
    as,
    async close() {
      await Promise.all(opened.map((cluster) => cluster.close()));
      await kubernetes.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Applies the generated manifests as an administrator would. */
export async function install(admin: Cluster, permissions: readonly Permission[]): Promise<void> {
  const manifests = rbacManifests({
    permissions,
    engine: { kind: 'User', name: engineUser },
    responderGroup,
  });
  for (const manifest of manifests) await admin.create(collectionOf(manifest), manifest);
}

export function collectionOf({ apiVersion, kind, metadata }: KubernetesObject): Location {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const resource = `${kind.toLowerCase()}s`.replace(/ys$/, 'ies');
  const { namespace } = metadata;
  return {
    group: group ?? '',
    version: version ?? '',
    resource,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

export function requestFor(namespace: string) {
  return { incident: 'inc-1', step: 'quarantine', input: { cluster: 'shop-1', namespace } };
}

export function mandateOf(plan: Plan, namespace: string, incident = 'inc-1'): Mandate {
  return { ...requestFor(namespace), incident, authority: plan.authority, base: plan.snapshot };
}

export function policy(
  namespace: string,
  name: string,
  spec: object,
  metadata: object = {},
): KubernetesObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, ...metadata },
    spec,
  };
}

export function pod(
  namespace: string,
  name: string,
  labels: { [key: string]: string } = {},
  spec: object = {},
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { containers: [{ name: 'app', image: 'shop.invalid/app:1' }], ...spec },
  };
}

/** The NetworkPolicies of a namespace by what they mean: without what the server sets. */
export async function policiesOf(admin: Cluster, namespace: string) {
  return (await admin.list({ ...resources.networkPolicies, namespace })).items.map(meaning);
}

/** A namespace whose default ServiceAccount is there, so that pods can be made in it. */
export async function createNamespace(admin: Cluster, name: string): Promise<string> {
  const made = await admin.create(resources.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  });
  for (;;) {
    try {
      await admin.get({ ...resources.serviceAccounts, namespace: name, name: 'default' });
      return made.metadata.uid ?? '';
    } catch (error) {
      if (!isKubernetesError(error, 'gone')) throw error;
    }
  }
}

/** Releases as a responder would whose only tool is kubectl; answers what the script said. */
export async function releaseWithKit({ kubernetes }: House, namespace: string): Promise<string> {
  const kubectl = `${kubernetes.kubectl} --kubeconfig ${await kubernetes.kubeconfigFor('rita', [responderGroup])}`;
  const read = `${kubectl} get configmap release-${namespace} -n firebreak -o 'jsonpath={.data.release\\.sh}'`;
  const { stdout } = await promisify(execFile)('sh', ['-c', `${read} | KUBECTL='${kubectl}' sh`]);
  return stdout;
}
