import { z } from 'zod';
import {
  worst,
  type ActionContext,
  type Claim,
  type Mandate,
  type Verification,
} from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { readRecord } from '../record.ts';
import type { VerifyImagesInput } from './contract.ts';
import { boundReference, judgeAll, type Judged } from './judged.ts';

/** The name of a step's list in the incident's index. */
export const recordName = (step: string): string => `images/${step}/verdicts.json`;

const recordShape = z.array(
  z.object({ image: z.string(), digest: z.string(), verdict: z.enum(['accepted', 'refused']) }),
);
type Recorded = z.infer<typeof recordShape>[number];

/** Judges the same digests again, and looks whether the references name them still. */
export async function verifyVerdicts(
  context: ActionContext,
  assessor: ImageAssessor,
  mandate: Mandate<VerifyImagesInput>,
): Promise<Verification> {
  const { input, authority } = mandate;
  const kept = await readRecord(context, mandate, recordName(mandate.step), recordShape);
  if (typeof kept === 'string') {
    const claim: Claim = {
      claim: 'the verdicts are in evidence',
      verdict: kept === 'absent' ? 'unverifiable' : 'failed',
      detail:
        kept === 'absent' ? 'they were not kept: the evidence store is full' : 'they are absent or altered',
    };
    return { state: 'partial', verdict: claim.verdict, claims: [claim] };
  }
  const bound = input.images.map((image, at) => ({
    image,
    ask: boundReference(image, authority.targets[at] ?? { name: '', uid: '' }),
  }));
  const [again, named] = await Promise.all([
    judgeAll(assessor, bound, input, context.signal),
    judgeAll(
      assessor,
      input.images.map((image) => ({ image, ask: image })),
      input,
      context.signal,
    ),
  ]);
  const claims = kept.map((one, at) => claimOf(one, again[at], named[at]));
  const verdict = worst(claims);
  return { state: verdict === 'verified' ? 'in-place' : 'partial', verdict, claims };
}

function claimOf(was: Recorded, is: Judged | undefined, named: Judged | undefined): Claim {
  const claim = `${oneLine(was.image, 300)} is ${was.verdict}${was.digest === '' ? '' : ` (${was.digest})`}`;
  if (is === undefined || is.verdict !== was.verdict || is.digest !== was.digest) {
    const [why] = is?.reasons ?? [];
    const detail = `judged again, it is ${is?.verdict ?? 'not there'}${why === undefined ? '' : `: ${why.code}: ${why.text}`}`;
    return { claim, verdict: 'failed', detail: oneLine(detail, 500) };
  }
  if (named?.digest !== was.digest)
    return {
      claim,
      verdict: 'unverifiable',
      detail: `that digest is still, but the reference names ${named?.digest === '' ? 'nothing that can be read' : named?.digest} now`,
    };
  return { claim, verdict: 'verified', detail: 'judged again' };
}
