import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import { canonical, type JsonObject } from '../../../domain/json.ts';
import { jsonCopy } from '../../../domain/json.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { keep } from '../../kubernetes/evidence/keep.ts';
import { isoOf, type Measurement } from './measure.ts';

/** Where the measurements of one step are kept, and what could not be. */
export interface Kept {
  artefacts: EvidenceRef[];
  unavailable: Applied['unavailable'];
}

/** Keeps every answer of a measurement, whatever came of it. @returns the digest of what is kept */
export async function keepMeasurement(
  context: ActionContext,
  { incident, step }: Pick<Mandate, 'incident' | 'step'>,
  source: string,
  { at, objectives, traffic, findings, asked }: Measurement,
  kept: Kept,
): Promise<string> {
  const time = isoOf(at);
  const record: JsonObject = jsonCopy({ at: time, objectives, traffic: traffic ?? null, findings, asked });
  const { ref, stored } = await keep(context, record);
  const name = `slo/${step}/${time}.json`;
  if (!stored) {
    kept.unavailable.push({ what: name, why: 'the evidence store is full' });
    return ref.digest;
  }
  kept.artefacts.push(ref);
  await context.evidence.record([
    {
      ref,
      name,
      incident,
      collector: `slo.check/${step}`,
      source: `metrics ${source}`,
      at: context.now().toISOString(),
    },
  ]);
  return ref.digest;
}

/** What the plan stores: tells one run of a step from the next, which a loop makes under the same name. */
export function baseOfCheck(plannedAt: Date, queries: readonly string[]): string {
  return canonical({ plannedAt: plannedAt.toISOString(), queries: [...queries] });
}
