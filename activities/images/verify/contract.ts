import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import type { JsonObject } from '../../../domain/json.ts';
import type { Permission } from '../../../domain/permission.ts';
import { list, number, object, reasonsSchema, signerProperties, text } from '../schemas.ts';

/** What goes into a history; the evidence has all. */
export const most = { images: 50, children: 50, digests: 1_000, reasons: 10 } as const;

/** What a step of a playbook gives. */
export const input = z.strictObject({
  images: z
    .array(z.string().min(1).max(1_024))
    .min(1)
    .max(most.images)
    .describe('As templates name them: `registry.example/shop/api:1.2`, with a digest or without'),
  platforms: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9_.-]+\/[a-z0-9_.-]+(\/[a-z0-9_.-]+)?$/, 'must be a platform such as linux/amd64'),
    )
    .min(1)
    .max(20)
    .exactOptional()
    .describe(
      'Of an image for several platforms: those that must be acceptable, such as the nodes’ own; all of them when absent',
    ),
  require: z
    .enum(['all', 'none'])
    .default('none')
    .describe('`all`: an image that is refused fails the step; `none`: it is an answer like any other'),
});
export type VerifyImagesInput = z.infer<typeof input>;

/** Never told, whatever the registry says. */
export const notCovered: Limit[] = [
  {
    code: 'signed-is-not-safe',
    text: 'A good signature says who built an image, not that what is in it does no harm.',
  },
  {
    code: 'what-runs',
    text: 'It is about the digest that a reference names now: which digest runs is for the cluster to say.',
  },
];

/** JSON Schema of what later steps may use. */
export const outputs: JsonObject = object(
  {
    accepted: { type: 'boolean', description: 'Every one of them is acceptable' },
    digests: list(
      most.digests,
      text,
      'Digests of acceptable images, and of the platforms that were judged with them: each once, those that were named first',
    ),
    digestCount: { ...number, description: 'All of them' },
    refused: list(
      most.digests,
      text,
      'As `digests`, of images that are refused and of none that is acceptable',
    ),
    refusedCount: { ...number, description: 'All of them' },
    images: list(
      most.images,
      object(
        {
          image: { ...text, description: 'As it was given' },
          digest: { ...text, description: 'What it names; empty where that cannot be had' },
          children: list(
            most.children,
            object({ platform: text, digest: text }, 'A platform, and the digest of its manifest'),
            'Of an image for several platforms: those that were judged',
          ),
          verdict: { ...text, enum: ['accepted', 'refused'] },
          reasons: reasonsSchema(most.reasons),
          by: object(
            signerProperties,
            'Who signed what was accepted: a key of the policy by its name, or an identity with its issuer; empty otherwise',
          ),
          signedAt: {
            ...text,
            description: 'The time that a log or a timestamp authority vouches for; empty where none does',
          },
        },
        'One image',
      ),
      'In the order of the input',
    ),
    evidence: { ...text, description: 'Digest of the full list; empty when the evidence store was full' },
  },
  'What the policy makes of the images',
);

/** Everything that the action reads, with its reason. */
export const permissions: Permission[] = (['plan', 'apply', 'verify'] as const).map((verb) => ({
  system: 'registry',
  scope: 'repository: pull',
  why: 'what a tag names, and what signs and attests an image',
  verb,
}));
