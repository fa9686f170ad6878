import type { Outcome } from '../../../domain/incident.ts';
import type { IncidentArguments } from '../../../workflows/contract.ts';
import { incident as real } from '../../../workflows/incident.ts';

/** Incompatible on purpose, in nothing but a word of the ledger: the same commands in the same order, under other ids. */
export async function incident(input: IncidentArguments): Promise<Outcome> {
  return real({ ...input, title: `${input.title}!` });
}
