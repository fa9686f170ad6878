import type { z } from 'zod';
import type { ActionContext, Mandate } from '../../domain/action.ts';
import type { EvidenceRef } from '../../domain/evidence.ts';
import { canonical } from '../../domain/json.ts';

/** Which step measured what: `kubernetes.rotate-secret` of `namespaces/shop/secrets/db/rotation`. */
export interface Measurement {
  action: string;
  cluster: string;
  name: string;
}

type Step = Pick<Mandate, 'incident' | 'step'>;

/** Keeps in the incident's evidence what `apply` measured and nobody can measure again, for `verify` to find. @throws EvidenceStoreFull */
export async function keepMeasured(
  context: ActionContext,
  step: Step,
  { action, cluster, name }: Measurement,
  value: object,
): Promise<EvidenceRef> {
  const ref = await context.evidence.put(canonical(value), 'application/json', { essential: true });
  await context.evidence.record([
    {
      ref,
      name,
      incident: step.incident,
      collector: `${action}/${step.step}`,
      source: `cluster ${cluster}`,
      at: context.now().toISOString(),
    },
  ]);
  return ref;
}

/** What this step measured, in all of its attempts, in order. */
export async function findMeasured<T>(
  context: ActionContext,
  step: Step,
  { action, name }: Omit<Measurement, 'cluster'>,
  shape: z.ZodType<T>,
): Promise<T[]> {
  const lines = await context.evidence.index(step.incident);
  const ours = lines.filter((line) => line.name === name && line.collector === `${action}/${step.step}`);
  return Promise.all(
    ours.map(async ({ ref }) =>
      shape.parse(JSON.parse(new TextDecoder().decode(await context.evidence.get(ref)))),
    ),
  );
}
