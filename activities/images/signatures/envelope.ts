import { z } from 'zod';
import type { Digest } from '../../../domain/json.ts';
import { readAnnotations } from './annotations.ts';
import { envelopeSignature } from './bundle-schema.ts';
import { verifyEnvelopeOf } from './bundle.ts';
import type { FoundEnvelope } from './found.ts';
import { readJson } from './json.ts';
import { issueOf } from './statement.ts';
import type { Trust } from './trusted-root.ts';
import { Refusal, type Verified } from './verified.ts';

/** https://github.com/secure-systems-lab/dsse/blob/master/envelope.md; more signatures than one are not verified by anybody. */
const envelopeSchema = z.strictObject({
  payloadType: z.string(),
  payload: z.base64().min(1),
  signatures: z.tuple([envelopeSignature]),
});

/**
 * Verifies a layer of a `.att` tag as an attestation of `image`. cosign looks for a timestamp of the layer as a whole, which @sigstore/verify cannot check,
 * and since 3.0 has the signature stamped, which it cannot check itself: one with a timestamp is refused.
 * @throws Refusal
 */
export function verifyEnvelope(found: FoundEnvelope, image: Digest, trust: Trust, now: Date): Verified {
  const parsed = envelopeSchema.safeParse(readJson(found.envelope));
  if (!parsed.success) throw new Refusal('unreadable', `it is no envelope: ${issueOf(parsed.error)}`);
  const { payloadType, payload, signatures } = parsed.data;
  const envelope = { payloadType, payload: Buffer.from(payload, 'base64') };
  const [{ sig }] = signatures;
  const evidence = readAnnotations(found.annotations);
  if (evidence.timestamps.some(({ $case }) => $case === 'timestamp-authority'))
    throw new Refusal('timestamp-invalid', 'of what the timestamp is depends on which cosign made it');
  const entity = { ...evidence, signature: Buffer.from(sig, 'base64') };
  return verifyEnvelopeOf(found.where, envelope, entity, { image, trust, now });
}
