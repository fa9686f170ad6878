import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import { isNamespaceName } from '../resources.ts';

export const maxDeadlineSeconds = 600;

/** What a step of a playbook gives. */
export const input = z.strictObject({
  cluster: z.string().min(1).max(200),
  namespace: z.string().refine(isNamespaceName, 'must be the name of a namespace'),
  logBytes: z
    .int()
    .min(1_024)
    .max(100 * 1024 * 1024)
    .default(10 * 1024 * 1024),
  deadlineSeconds: z.int().min(1).max(maxDeadlineSeconds).default(120),
});
export type CollectEvidenceInput = z.infer<typeof input>;

/** Never collected, whatever the cluster looks like. */
export const notCovered: Limit[] = [
  {
    code: 'memory-and-disk',
    text: 'Memory, processes and file systems of the containers are not collected.',
  },
  { code: 'rotated-logs', text: 'The API serves only the newest file of a log that the node has rotated.' },
  {
    code: 'gone-pods',
    text: 'Pods that were deleted before are not there to be read; events are kept for about an hour.',
  },
  {
    code: 'secrets',
    text: 'Secrets and ConfigMaps are never read. Values in pod specs are in the evidence store, and nowhere else.',
  },
  { code: 'audit-log', text: "The API server's audit log and the nodes' own logs are not collected." },
];

const text = { type: 'string' };
/** JSON Schema of what later steps may use. */
export const outputs = {
  type: 'object',
  additionalProperties: false,
  required: ['artefacts', 'bytes', 'complete', 'manifest', 'pods', 'images'],
  properties: {
    artefacts: { type: 'integer', minimum: 0 },
    bytes: { type: 'integer', minimum: 0 },
    complete: { type: 'boolean' },
    manifest: text,
    pods: { type: 'array', maxItems: 100, items: text },
    images: {
      type: 'array',
      maxItems: 200,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['pod', 'container', 'image', 'imageID'],
        properties: { pod: text, container: text, image: text, imageID: text },
      },
    },
  },
};
