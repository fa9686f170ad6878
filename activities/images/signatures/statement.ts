import { z } from 'zod';
import type { Digest } from '../../../domain/json.ts';
import { readJson } from './json.ts';
import { Refusal } from './verified.ts';

const payloadType = 'application/vnd.in-toto+json';

/** The predicate of a cosign signature; any other makes an attestation. */
export const signaturePredicate = 'https://sigstore.dev/cosign/sign/v1';

const text = z.string().optional();
/** No other fields: as cosign, which has them from in-toto's protobuf. Of a field that it does not know, nobody knows what it changes. */
const descriptor = z.strictObject({
  name: text,
  uri: text,
  digest: z
    .record(z.string(), z.string())
    .refine((digests) => Object.keys(digests).length <= 32, 'has more than 32 digests'),
  content: z.base64().optional(),
  downloadLocation: text,
  mediaType: text,
  annotations: z.record(z.string(), z.unknown()).optional(),
});

const statementSchema = z.strictObject({
  _type: z.enum(['https://in-toto.io/Statement/v0.1', 'https://in-toto.io/Statement/v1']),
  subject: z.array(descriptor).min(1).max(1_024),
  predicateType: z.string().min(1).max(1_000),
  predicate: z.record(z.string(), z.unknown()).optional(),
});

/** What an in-toto statement says of the image: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
export interface Statement {
  readonly predicateType: string;
  readonly predicate: unknown;
}

/**
 * Reads the payload of a DSSE envelope whose signature was verified. @sigstore/verify looks at none of this: any statement by
 * a trusted signer, about whatever else, would pass.
 * @throws Refusal wrong-payload-type, unreadable, wrong-subject
 */
export function readStatement(envelope: { payloadType: string; payload: Buffer }, image: Digest): Statement {
  if (envelope.payloadType !== payloadType) {
    throw new Refusal(
      'wrong-payload-type',
      `the payload is ${envelope.payloadType}, not an in-toto statement`,
    );
  }
  const parsed = statementSchema.safeParse(readJson(envelope.payload));
  if (!parsed.success) {
    throw new Refusal('unreadable', `the payload is no in-toto statement: ${issueOf(parsed.error)}`);
  }
  const { subject, predicateType, predicate } = parsed.data;
  const hex = image.slice('sha256:'.length);
  if (!subject.some(({ digest }) => Object.hasOwn(digest, 'sha256') && digest['sha256'] === hex)) {
    throw new Refusal('wrong-subject', `it is about ${subjectsOf(subject)}, not about ${image}`);
  }
  return { predicateType, predicate };
}

/** The first thing wrong with a value, for a message. */
export function issueOf({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined) return 'not of the right shape';
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`;
}

function subjectsOf(subjects: { digest: Record<string, string> }[]): string {
  const [first] = subjects.map(({ digest }) => digest['sha256'] ?? 'something without a SHA-256');
  return subjects.length === 1 ? `${first}` : `${first} and ${subjects.length - 1} more`;
}
