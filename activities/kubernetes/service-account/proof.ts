import { z } from 'zod';
import type { ActionContext, Mandate } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { findMeasured, keepMeasured } from '../measured.ts';
import { action } from './contract.ts';

const shape = z.object({
  v: z.literal(1),
  /** Of the account that is gone. */
  previousUid: z.string(),
  /** Absent when none was measured; `why` says why. */
  canary: z
    .object({
      sha256: z.string(),
      jti: z.string(),
      /** Milliseconds from the end of the account until it was refused, and for how long it was seen refused. */
      refused: z.boolean(),
      afterMs: z.number(),
      forMs: z.number(),
      asked: z.number(),
    })
    .optional(),
  why: z.string().optional(),
});

/** What `apply` measured with a token that it held in memory only: the one measurement that nobody can make again. */
export type Proof = z.infer<typeof shape>;

/** Keeps a proof in the incident's evidence, where `verify` finds it. @throws EvidenceStoreFull */
export function keepProof(
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'step'>,
  target: { cluster: string; namespace: string; name: string },
  proof: Proof,
): Promise<EvidenceRef> {
  const measurement = { action, cluster: target.cluster, name: nameOf(target) };
  return keepMeasured(context, mandate, measurement, proof);
}

/** The proof of a step: one that was measured before one that was not. */
export async function findProof(
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'step'>,
  target: { namespace: string; name: string; uid: string },
): Promise<Proof | undefined> {
  const proofs = await findMeasured(context, mandate, { action, name: nameOf(target) }, shape);
  const ours = proofs.filter(({ previousUid }) => previousUid === target.uid);
  return ours.findLast(({ canary }) => canary !== undefined) ?? ours.at(-1);
}

function nameOf({ namespace, name }: { namespace: string; name: string }): string {
  return `namespaces/${namespace}/serviceaccounts/${name}/revocation`;
}
