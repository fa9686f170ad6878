import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import { digestShape } from '../shapes.ts';
import { containerImage, workloadFields } from '../workload/input.ts';

export const canaryAction = 'kubernetes.rollback-canary';
export const workloadAction = 'kubernetes.rollback-workload';
export type RollbackAction = typeof canaryAction | typeof workloadAction;

const to = z
  .strictObject({
    revision: z
      .string()
      .max(253)
      .describe(
        'Name of the ReplicaSet or ControllerRevision; empty: the template stays, but for the images',
      ),
    uid: z.string().max(100).describe('Of that object; empty where none is named'),
    templateDigest: digestShape.describe('Of the template that was judged'),
    images: z
      .array(containerImage('What it is to run'))
      .min(1)
      .max(100)
      .describe('Every container and init container of that template, once'),
  })
  .describe('What images.find-known-good chose');

/** What a step of a playbook gives to either action. */
export const input = z.strictObject({
  ...workloadFields,
  to,
  waitSeconds: z
    .int()
    .min(10)
    .max(1_800)
    .default(600)
    .describe('How long the first pod, and then the others, may take to come up'),
  gitops: z
    .enum(['refuse', 'warn'])
    .default('refuse')
    .describe('What to do about a workload that Argo CD or Flux delivers, and would put back'),
});
export type RollbackInput = z.infer<typeof input>;

/** Entries of a list in the outputs: they go into a history. */
export const mostListed = 100;

/** JSON Schema of what later steps may use. */
export const outputs = {
  type: 'object',
  additionalProperties: false,
  required: ['uid', 'revision', 'pods', 'podCount', 'images'],
  properties: {
    uid: { type: 'string', description: 'Of the workload' },
    revision: {
      type: 'string',
      description: 'ReplicaSet or ControllerRevision that the new pods belong to; empty for a CronJob',
    },
    pods: {
      type: 'array',
      maxItems: mostListed,
      items: { type: 'string' },
      description: 'Names of pods that run what was approved, each digest compared',
    },
    podCount: { type: 'integer', minimum: 0, description: 'All of them' },
    images: {
      type: 'array',
      maxItems: mostListed,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['container', 'image'],
        properties: { container: { type: 'string' }, image: { type: 'string' } },
      },
      description: 'What each container runs now',
    },
  },
};

/** Never covered, whatever the cluster looks like. */
export const notCovered: Limit[] = [
  {
    code: 'not-rolled-back',
    text: 'ConfigMaps, Secrets, schemas of databases and data on volumes stay as they are: an older image may not get along with them, and they may be the attacker’s.',
  },
  {
    code: 'history',
    text: 'Who could write the workload could write its history too: the template is compared, field by field, and not known to be good.',
  },
  {
    code: 'other-pods',
    text: 'Pods that the workload does not own: bare ones, those that were released from their controller, those of other workloads with the same image.',
  },
  {
    code: 'admission',
    text: 'What admission adds to pods, such as sidecars: it is told of, and not judged.',
  },
  {
    code: 'scaling',
    text: 'Whatever scales the workload while only one pod is new makes more of the old ones, and of the new one.',
  },
  {
    code: 'source',
    text: 'Where the workload comes from (a chart, a pipeline, a person): its next delivery brings back what that says.',
  },
];
