import { blockImages } from '../../activities/kubernetes/block-images.ts';
import type { BlockInput } from '../../activities/kubernetes/block-images/contract.ts';
import { isKubernetesError, type KubernetesError } from '../../activities/kubernetes/errors.ts';
import type { KubernetesObject } from '../../activities/kubernetes/resources.ts';
import type { Cluster } from '../../activities/kubernetes/client.ts';
import type { KubernetesOptions } from '../../activities/kubernetes/quarantine-namespace.ts';
import type { Mandate, Plan } from '../../domain/action.ts';
import { sha256, type Digest } from '../../domain/json.ts';
import { contextOf, type ContextOptions } from './action-context.ts';
import { mandateFor, openCredentialHouse, type CredentialHouse } from './credential-house.ts';
import { collectionOf, responderGroup } from './quarantine-house.ts';

/** A real API server with real controllers, and the block under exactly the RBAC that is generated for it. */
export class BlockHouse {
  readonly house: CredentialHouse<BlockInput>;

  private constructor(house: CredentialHouse<BlockInput>) {
    this.house = house;
  }

  static async open(imagePolicy?: KubernetesOptions['imagePolicy']): Promise<BlockHouse> {
    return new BlockHouse(
      await openCredentialHouse<BlockInput>(({ clusters }) =>
        blockImages({ clusters, responderGroup, ...(imagePolicy === undefined ? {} : { imagePolicy }) }),
      ),
    );
  }

  get admin(): Cluster {
    return this.house.admin;
  }

  context(options: ContextOptions = {}) {
    return contextOf(this.house.evidence, options);
  }

  async plan(
    input: Partial<BlockInput>,
    incident = 'inc-1',
  ): Promise<{ plan: Plan; mandate: Mandate<BlockInput> }> {
    const { action } = this.house;
    const request = { incident, step: 'block', input: action.input.parse({ cluster: 'shop-1', ...input }) };
    const plan = await action.plan(this.context(), request);
    return { plan, mandate: mandateFor(request, plan) };
  }

  async block(input: Partial<BlockInput>, incident = 'inc-1') {
    const { plan, mandate } = await this.plan(input, incident);
    return { plan, mandate, applied: await this.house.action.apply(this.context(), mandate) };
  }

  /** What admission makes of an object: refused by a block, and by which of its two rules, or not. */
  async admit(object: KubernetesObject, as: Cluster = this.admin): Promise<Admitted> {
    return admitted(as.create(collectionOf(object), object, { dryRun: true }));
  }
}

export type Admitted = 'passes' | 'denied' | 'not allowed' | `otherwise: ${string}`;

/** How the API server answered. */
export async function admitted(request: Promise<unknown>): Promise<Admitted> {
  try {
    await request;
    return 'passes';
  } catch (error) {
    if (!isKubernetesError(error)) throw error;
    return sortOf(error);
  }
}

function sortOf({ message }: KubernetesError): Admitted {
  if (message.includes('Firebreak denies the digest')) return 'denied';
  if (message.includes('Firebreak lets only images start')) return 'not allowed';
  return `otherwise: ${message}`;
}

/** The same digest for the same word. */
export const digestOf = (word: string): Digest => sha256(word);
export const image = (word: string) => `shop.example/${word}@${digestOf(word)}`;

/** Every kind that makes pods, with a spec of them. */
export function makers(namespace: string, spec: object): KubernetesObject[] {
  const metadata = { name: 'web', namespace };
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec };
  const jobSpec = { template: { spec: { ...spec, restartPolicy: 'Never' } } };
  const apps = (kind: string, more: object = {}) => ({
    apiVersion: 'apps/v1',
    kind,
    metadata,
    spec: { selector: { matchLabels: labels }, template, ...more },
  });
  return [
    { apiVersion: 'v1', kind: 'Pod', metadata, spec },
    { apiVersion: 'v1', kind: 'PodTemplate', metadata, template },
    { apiVersion: 'v1', kind: 'ReplicationController', metadata, spec: { selector: labels, template } },
    apps('Deployment'),
    apps('ReplicaSet'),
    apps('StatefulSet', { serviceName: 'web' }),
    apps('DaemonSet'),
    { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: jobSpec },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata,
      spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: jobSpec } },
    },
  ];
}
