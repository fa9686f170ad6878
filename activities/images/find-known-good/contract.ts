import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import { isObject, type JsonObject } from '../../../domain/json.ts';
import type { KubernetesPermission, Permission, Verb } from '../../../domain/permission.ts';
import { objectName } from '../../kubernetes/shapes.ts';
import { containerImage, workloadFields } from '../../kubernetes/workload/input.ts';
import { list, number, object, reasonsSchema, signerProperties, text } from '../schemas.ts';

/** What goes into a history; the evidence has all. */
export const most = { revisions: 20, reasons: 8, differences: 8, containers: 100, digests: 500 } as const;

const instant = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-01-02T03:04:05Z' })
  .max(40);

/** What a step of a playbook gives. */
export const input = z.strictObject({
  ...workloadFields,
  since: instant
    .exactOptional()
    .describe('Later changes of the template are suspect; by default the `window.from` of the image policy'),
  baseline: objectName
    .exactOptional()
    .describe(
      'Name of the ReplicaSet or ControllerRevision that templates are compared with; by default the newest from before `since`, else the oldest',
    ),
  accept: z
    .array(z.string().min(1).max(300))
    .max(50)
    .exactOptional()
    .describe('Paths of template differences that a person accepts, exactly as `differences` names them'),
  digests: z
    .array(containerImage('What it may run'))
    .max(most.containers)
    .refine((all) => new Set(all.map(({ container }) => container)).size === all.length, {
      error: 'names a container twice',
    })
    .exactOptional()
    .describe(
      'Where the history has nothing acceptable: images that the responder names, judged like any other',
    ),
});
export type FindKnownGoodInput = z.infer<typeof input>;

/** Never told, whatever the history says. */
export const notCovered: Limit[] = [
  {
    code: 'signed-is-not-safe',
    text: 'A good signature says who built an image, not that what is in it does no harm.',
  },
  {
    code: 'history',
    text: 'Whoever could write the workload could write its history: a revision from before the window is not compared, and may have been changed in place since by somebody who calls themselves the controller.',
  },
  {
    code: 'not-rolled-back',
    text: 'ConfigMaps, Secrets and data are no part of a revision: an older one may not get along with them, and they may be the attacker’s.',
  },
];

const differences = list(
  most.differences,
  {
    ...object({ path: text }, 'A field that is not the same'),
    properties: { path: text, before: text, after: text },
  },
  'What its template has beyond the images that the baseline’s has not; what looks like a secret is a hash',
);
const image = object({ container: text, image: text }, 'A container, and what it runs');

const told = object(
  {
    found: { type: 'boolean', description: 'Something acceptable was found: `choice`' },
    digests: list(
      most.digests,
      text,
      'Digests of the images of `choice` and of their platforms, for lists of what stays allowed',
    ),
    baseline: {
      ...text,
      description: 'Name of the revision that templates were compared with; empty when there is none',
    },
    since: { ...text, description: 'When suspicion begins; empty where nothing says so' },
    revisions: list(
      most.revisions,
      object(
        {
          revision: { ...text, description: 'Name of the ReplicaSet or the ControllerRevision' },
          number,
          createdAt: text,
          current: { type: 'boolean', description: 'It is what the workload says now: never chosen' },
          acceptable: { type: 'boolean' },
          reasons: reasonsSchema(most.reasons),
          differences,
          differenceCount: number,
        },
        'A revision, and why it is or is not acceptable',
      ),
      'Newest first',
    ),
    revisionCount: { ...number, description: 'All that the history has' },
    named: object(
      { acceptable: { type: 'boolean' }, reasons: reasonsSchema(most.reasons) },
      'What was made of the digests that the responder or the policy names, where the history has nothing acceptable',
    ),
    evidence: { ...text, description: 'Digest of the full list; empty when the evidence store was full' },
  },
  'What the history of a workload has that may run',
);

const choice = object(
  {
    revision: {
      ...text,
      description: 'Whose template it is; empty: the template that the workload has now, but for the images',
    },
    uid: { ...text, description: 'Of that object; empty where none is named' },
    templateDigest: { ...text, description: 'Of that template, as it was judged' },
    images: list(most.containers, image, 'Every container, by digest'),
    signers: list(
      most.containers,
      object(
        { container: text, ...signerProperties, signedAt: text },
        'Who signed its image, and by when as far as somebody vouches for it',
      ),
      'Of each container',
    ),
  },
  'What kubernetes.rollback-canary and kubernetes.rollback-workload take as `to`. Absent when nothing was found',
);

/** JSON Schema of what later steps may use. */
export const outputs: JsonObject = {
  ...told,
  properties: { ...(isObject(told['properties']) ? told['properties'] : {}), choice },
};

const may = (
  verb: Verb,
  group: string,
  resources: string[],
  verbs: string[],
  why: string,
): KubernetesPermission => ({ system: 'kubernetes', apiGroups: [group], resources, verbs, why, verb });

const history = (verb: Verb): Permission[] => [
  may(verb, 'apps', ['deployments', 'statefulsets', 'daemonsets'], ['get'], 'the workload'),
  may(verb, 'batch', ['cronjobs'], ['get'], 'the workload'),
  may(verb, 'apps', ['replicasets', 'controllerrevisions'], ['list'], 'its history'),
];
const judging = (verb: Verb): Permission[] => [
  may(verb, '', ['pods'], ['list'], 'which digest a tag was when a revision ran'),
  may(verb, '', ['nodes'], ['list'], 'the platforms that an image must be for'),
  {
    system: 'registry',
    scope: 'repository: pull',
    why: 'what a tag names, and what signs and attests an image',
    verb,
  },
];
/** Everything that the action reads, with its reason. */
export const permissions: Permission[] = [
  ...history('plan'),
  ...history('apply'),
  ...judging('apply'),
  ...history('verify'),
  ...judging('verify'),
];
