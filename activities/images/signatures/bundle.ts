import { dsse } from '@sigstore/core';
import { bundleFromJSON, ValidationError, type Bundle } from '@sigstore/bundle';
import { toSignedEntity, type SignedEntity } from '@sigstore/verify';
import type { Digest } from '../../../domain/json.ts';
import { bundleSchema } from './bundle-schema.ts';
import { contentOf } from './content.ts';
import type { FoundBundle } from './found.ts';
import { provenanceOf } from './provenance.ts';
import { proveSigner } from './signer.ts';
import { readJson } from './json.ts';
import { issueOf, readStatement, signaturePredicate } from './statement.ts';
import type { Trust } from './trusted-root.ts';
import { Refusal, type Verified } from './verified.ts';

/**
 * Verifies a Sigstore bundle about `image`: a signature when its predicate is cosign's, else an attestation.
 * @throws Refusal
 */
export function verifyBundle(found: FoundBundle, image: Digest, trust: Trust, now: Date): Verified {
  const bundle = parsed(found.bundle);
  if (bundle.content.$case !== 'dsseEnvelope') {
    throw new Refusal('wrong-payload-type', 'the bundle signs bare bytes, not an in-toto statement');
  }
  const { dsseEnvelope } = bundle.content;
  const { signature, ...evidence } = toSignedEntity(bundle);
  return verifyEnvelopeOf(
    found.where,
    dsseEnvelope,
    { ...evidence, signature: signature.signature },
    { image, trust, now },
  );
}

/** Verifies a DSSE envelope that holds an in-toto statement, whatever carried it. @throws Refusal */
export function verifyEnvelopeOf(
  where: string,
  envelope: { payloadType: string; payload: Buffer },
  { signature, ...evidence }: Omit<SignedEntity, 'signature'> & { signature: Buffer },
  { image, trust, now }: { image: Digest; trust: Trust; now: Date },
): Verified {
  // As cosign: the first Rekor has no such entry for an envelope.
  if (
    evidence.tlogEntries.some(
      ({ kindVersion: { kind, version } }) => `${kind} ${version}` === 'hashedrekord 0.0.1',
    )
  ) {
    throw new Refusal('log-entry-invalid', 'the log has the statement as bare bytes');
  }
  const { payloadType, payload } = envelope;
  const content = contentOf(dsse.preAuthEncoding(payloadType, payload), signature, payload);
  const proven = proveSigner({ signature: content, ...evidence }, trust, now);
  const { predicateType, predicate } = readStatement(envelope, image);
  if (predicateType === signaturePredicate) return { where, ...proven };
  const provenance = provenanceOf(predicateType, predicate);
  return { where, ...proven, predicateType, ...(provenance === undefined ? {} : { provenance }) };
}

function parsed(bytes: Uint8Array): Bundle {
  const value = bundleSchema.safeParse(readJson(bytes));
  if (!value.success) throw new Refusal('unreadable', `it is no Sigstore bundle: ${issueOf(value.error)}`);
  try {
    return bundleFromJSON(value.data);
  } catch (error) {
    const fields = error instanceof ValidationError ? `: ${error.fields.join(', ')}` : '';
    throw new Refusal('unreadable', `it is no whole Sigstore bundle${fields}`, error);
  }
}
