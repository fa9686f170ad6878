import { z } from 'zod';
import type { ActionContext, Mandate } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { canonical } from '../../../domain/json.ts';
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

/** Keeps a proof in the incident's evidence, where `verify` finds it. */
export async function keepProof(
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'step'>,
  target: { cluster: string; namespace: string; name: string },
  proof: Proof,
): Promise<EvidenceRef> {
  const ref = await context.evidence.put(canonical(proof), 'application/json', { essential: true });
  await context.evidence.record([
    {
      ref,
      name: nameOf(target),
      incident: mandate.incident,
      collector: collectorOf(mandate),
      source: `cluster ${target.cluster}`,
      at: context.now().toISOString(),
    },
  ]);
  return ref;
}

/** The proof of a step: one that was measured before one that was not. */
export async function findProof(
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'step'>,
  target: { namespace: string; name: string; uid: string },
): Promise<Proof | undefined> {
  const lines = (await context.evidence.index(mandate.incident)).filter(
    ({ name, collector }) => name === nameOf(target) && collector === collectorOf(mandate),
  );
  const proofs = await Promise.all(
    lines.map(async ({ ref }) =>
      shape.parse(JSON.parse(new TextDecoder().decode(await context.evidence.get(ref)))),
    ),
  );
  const ours = proofs.filter(({ previousUid }) => previousUid === target.uid);
  return ours.findLast(({ canary }) => canary !== undefined) ?? ours.at(-1);
}

function nameOf({ namespace, name }: { namespace: string; name: string }): string {
  return `namespaces/${namespace}/serviceaccounts/${name}/revocation`;
}

function collectorOf({ step }: Pick<Mandate, 'step'>): string {
  return `${action}/${step}`;
}
