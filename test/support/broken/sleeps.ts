import { sleep } from '@temporalio/workflow';
import type { Outcome } from '../../../domain/incident.ts';
import type { IncidentArguments } from '../../../workflows/contract.ts';
import { incident as real } from '../../../workflows/incident.ts';

/** Incompatible on purpose: waits a moment where the real one does not. No stored history may pass as its own. */
export async function incident(input: IncidentArguments): Promise<Outcome> {
  await sleep(1);
  return real(input);
}
