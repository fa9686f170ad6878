import { z } from 'zod';
import type { Digest } from '../../../domain/json.ts';
import { readAnnotations, signatureAnnotation } from './annotations.ts';
import { contentOf } from './content.ts';
import type { FoundSimpleSigning } from './found.ts';
import { proveSigner } from './signer.ts';
import { readJson } from './json.ts';
import { issueOf } from './statement.ts';
import type { Trust } from './trusted-root.ts';
import { Refusal, type Verified } from './verified.ts';

/**
 * https://github.com/containers/image/blob/main/docs/containers-signature.5.md, with the type that cosign gives it. It allows no other fields; and cosign
 * would take `Critical` for `critical`.
 */
const payloadSchema = z.strictObject({
  critical: z.strictObject({
    type: z.literal('cosign container image signature'),
    image: z.strictObject({ 'docker-manifest-digest': z.string() }),
    identity: z.strictObject({ 'docker-reference': z.string() }),
  }),
  optional: z.unknown(),
});

const base64 = z.base64().min(1);

/** Verifies a layer of a `.sig` tag as a signature of `image`. @throws Refusal */
export function verifySimpleSigning(
  { where, payload, annotations }: FoundSimpleSigning,
  image: Digest,
  trust: Trust,
  now: Date,
): Verified {
  const encoded = base64.safeParse(annotations[signatureAnnotation]);
  if (!encoded.success) {
    throw new Refusal('unreadable', `${signatureAnnotation}: no signature in base64`);
  }
  const signature = contentOf(Buffer.from(payload), Buffer.from(encoded.data, 'base64'));
  const proven = proveSigner({ signature, ...readAnnotations(annotations) }, trust, now);

  const parsed = payloadSchema.safeParse(readJson(payload));
  if (!parsed.success) {
    throw new Refusal('unreadable', `the payload is no cosign signature: ${issueOf(parsed.error)}`);
  }
  const signed = parsed.data.critical.image['docker-manifest-digest'];
  if (signed !== image) throw new Refusal('wrong-subject', `it is about ${signed}, not about ${image}`);
  return { where, ...proven };
}
