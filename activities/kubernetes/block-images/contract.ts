import { z } from 'zod';
import type { JsonObject } from '../../../domain/json.ts';
import { isNamespaceName } from '../resources.ts';
import { digestShape } from '../shapes.ts';

/** The name by which playbooks use it, and which authorities and holds bear. */
export const actionName = 'kubernetes.block-images';

/** Objects of each sort that an output names; counts have all of them. */
export const MAX_NAMED = 100;

/** As many as images.verify and images.find-known-good hand over. */
const most = { deny: 1_000, allow: 1_500 } as const;

export const inputSchema = z
  .strictObject({
    cluster: z.string().min(1).max(253).describe('Name of the cluster as configured'),
    namespaces: z
      .array(z.string().refine(isNamespaceName, 'must be the name of a namespace'))
      .max(20)
      .default([])
      .describe('Namespaces where nothing starts but images pinned to a digest of `allow`'),
    deny: z
      .array(digestShape)
      .max(most.deny)
      .default([])
      .describe('Digests that are refused in every namespace that is not protected'),
    allow: z
      .array(digestShape)
      .max(most.allow)
      .default([])
      .describe('Digests that may start in `namespaces`; with none, nothing may'),
    replace: z
      .boolean()
      .default(false)
      .describe(
        'Evict pods in `namespaces` that run a denied digest, where their controller would make better ones',
      ),
  })
  .refine(({ deny, namespaces }) => deny.length + namespaces.length > 0, {
    error: 'nothing would be blocked: name digests in `deny`, or namespaces',
    path: ['deny'],
  })
  .refine(({ replace, namespaces }) => !replace || namespaces.length > 0, {
    error: 'pods are replaced in `namespaces` only: name them',
    path: ['replace'],
  });
export type BlockInput = z.infer<typeof inputSchema>;

const names = (description: string): JsonObject => ({
  type: 'array',
  items: { type: 'string' },
  maxItems: MAX_NAMED,
  description,
});
const count = (description: string): JsonObject => ({ type: 'integer', description });

export const outputs: JsonObject = {
  type: 'object',
  required: [
    'policy',
    'denied',
    'allowed',
    'running',
    'runningCount',
    'blocked',
    'replaced',
    'notReplaced',
    'manifests',
  ],
  properties: {
    policy: { type: 'string', description: 'Name of the ValidatingAdmissionPolicy and of its binding' },
    denied: count('Digests that are denied'),
    allowed: count('Digests that may start in the covered namespaces'),
    running: names('Pods that run a denied digest still, `namespace/pod`; the first 100'),
    runningCount: count('How many pods that is'),
    blocked: names(
      'Workloads that can start no pods as they are, `namespace/Deployment/name`; the first 100',
    ),
    replaced: count('Pods that were evicted, so that their controllers replace them'),
    notReplaced: names('Pods with a denied digest that were left, `namespace/pod: why`; the first 100'),
    manifests: count(
      "Policies for the cluster's own verifier that were kept as evidence; nothing applies them",
    ),
  },
  additionalProperties: false,
};
