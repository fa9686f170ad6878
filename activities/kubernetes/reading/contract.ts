import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import type { KubernetesPermission } from '../../../domain/permission.ts';
import { isNamespaceName } from '../resources.ts';

/** What a step of a playbook gives. */
export const input = z.strictObject({
  cluster: z.string().min(1).max(200).describe("The cluster's name as configured"),
  namespace: z.string().refine(isNamespaceName, 'must be the name of a namespace'),
});
export type ReadNamespaceInput = z.infer<typeof input>;

/** Whoever deploys chooses how many and how long: outputs go into a history. */
export const most = { images: 200, imageLength: 512, labels: 100 } as const;

/** Never told, whatever the cluster looks like. */
export const notCovered: Limit[] = [
  {
    code: 'a-moment',
    text: 'It is what the API server said at one moment: pods may have come and gone before and after it.',
  },
  {
    code: 'as-reported',
    text: 'Whether a pod is ready or restarts is what its node reports; a node that is cut off reports nothing new.',
  },
];

const number = { type: 'integer', minimum: 0 };
/** JSON Schema of what later steps and conditions may use. */
export const outputs = {
  type: 'object',
  additionalProperties: false,
  required: [
    'exists',
    'uid',
    'pods',
    'ready',
    'restarting',
    'images',
    'imageCount',
    'hostNetworkPods',
    'labels',
    'labelCount',
  ],
  properties: {
    exists: { type: 'boolean', description: 'Whether there is a namespace of this name' },
    uid: { type: 'string', description: 'Of the namespace; empty when there is none' },
    pods: { ...number, description: 'Pods in any phase, those that have finished included' },
    ready: { ...number, description: 'Pods whose condition Ready is true' },
    restarting: {
      ...number,
      description: 'Containers that were restarted, or wait in CrashLoopBackOff',
    },
    images: {
      type: 'array',
      maxItems: most.images,
      items: { type: 'string', maxLength: most.imageLength },
      description: 'As the pods name them, each once, in order of their text',
    },
    imageCount: { ...number, description: 'All of them' },
    hostNetworkPods: { ...number, description: "Pods on their node's network" },
    labels: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: `Of the namespace; the first ${most.labels} in order of their names`,
    },
    labelCount: { ...number, description: 'All of them' },
  },
};

/** A type, not an interface: outputs are JSON. */
export type Reading = {
  exists: boolean;
  uid: string;
  pods: number;
  ready: number;
  restarting: number;
  images: string[];
  imageCount: number;
  hostNetworkPods: number;
  labels: { [name: string]: string };
  labelCount: number;
};

/** Everything that the action reads, with its reason. */
export const permissions: KubernetesPermission[] = [
  permission('plan', 'namespaces', 'get', 'says whether the namespace is there, and which one it is'),
  permission('apply', 'namespaces', 'get', 'its UID and labels are a part of the reading'),
  permission('apply', 'pods', 'list', 'how many pods there are, how they fare, and what they run'),
  permission('verify', 'namespaces', 'get', 'a namesake that came meanwhile is another namespace'),
];

function permission(
  verb: KubernetesPermission['verb'],
  resource: string,
  call: string,
  why: string,
): KubernetesPermission {
  return { system: 'kubernetes', apiGroups: [''], resources: [resource], verbs: [call], why, verb };
}
