import { z } from 'zod';
import type { Digest } from '../../../domain/json.ts';
import { Refusal } from './verified.ts';

const payloadType = 'application/vnd.in-toto+json';

/** The predicate of a cosign signature; any other makes an attestation. */
export const signaturePredicate = 'https://sigstore.dev/cosign/sign/v1';

const statementSchema = z.object({
  _type: z.enum(['https://in-toto.io/Statement/v0.1', 'https://in-toto.io/Statement/v1']),
  subject: z
    .array(z.object({ digest: z.record(z.string(), z.string()) }))
    .min(1)
    .max(10_000),
  predicateType: z.string().min(1).max(1_000),
  predicate: z.unknown(),
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

/** Parses bytes that are to be JSON in UTF-8. @throws Refusal unreadable */
export function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Refusal('unreadable', 'it is not JSON in UTF-8', error);
  }
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
