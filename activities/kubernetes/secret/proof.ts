import { z } from 'zod';
import type { ActionContext, Mandate } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { findMeasured, keepMeasured } from '../measured.ts';
import { action, type RotateInput } from './contract.ts';
import { markOf } from './target.ts';
import { trialShape } from './trial.ts';

const shape = z.object({
  v: z.literal(1),
  /** Whose rotation it was: a step that is planned again is another one. */
  mark: z.string(),
  /** Of the Secret once it held the new value. */
  resourceVersion: z.string(),
  /** Of the old value; absent when none was made, and `why` says why. */
  trial: trialShape.optional(),
  why: z.string().optional(),
});

/** What `apply` measured while it held the old value. */
export type Proof = z.infer<typeof shape>;

/** @throws EvidenceStoreFull */
export function keepProof(
  context: ActionContext,
  mandate: Mandate<RotateInput>,
  proof: Proof,
): Promise<EvidenceRef> {
  const { cluster } = mandate.input;
  return keepMeasured(context, mandate, { action, cluster, name: nameOf(mandate.input) }, proof);
}

/** The proof of a step: one with a trial before one without. */
export async function findProof(
  context: ActionContext,
  mandate: Mandate<RotateInput>,
): Promise<Proof | undefined> {
  const proofs = await findMeasured(context, mandate, { action, name: nameOf(mandate.input) }, shape);
  const ours = proofs.filter(({ mark }) => mark === markOf(mandate));
  return ours.findLast(({ trial }) => trial !== undefined) ?? ours.at(-1);
}

function nameOf({ namespace, secret, key }: RotateInput): string {
  return `namespaces/${namespace}/secrets/${secret}/${key}/rotation`;
}
