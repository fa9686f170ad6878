import { z } from 'zod';
import type { ActionContext, Mandate } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { canonical, digest, type Digest } from '../../../domain/json.ts';
import { drift, refused } from '../quarantine/failures.ts';
import type { PodTemplate, Workload } from '../workload/kinds.ts';
import { storedDigest } from '../workload/template.ts';
import type { RollbackInput } from './contract.ts';
import { approvedShape, type Approved } from './images.ts';
import type { Settings } from './settings.ts';

const isRecord = (value: unknown) => typeof value === 'object' && value !== null;
const template = z.custom<PodTemplate>(isRecord);
const shape = z.object({
  v: z.literal(1),
  cluster: z.string(),
  /** RFC 3339 UTC. */
  takenAt: z.string(),
  /** As it was found: with the canary, when one stood. */
  workload: z.custom<Workload>(isRecord),
  uid: z.string(),
  from: z.object({ revision: z.string(), template }),
  to: z.object({ template }),
  settings: z.record(z.string(), z.json()),
  images: z.array(approvedShape),
});

/** What an undo restores, and what was approved. */
export interface Snapshot {
  v: 1;
  cluster: string;
  takenAt: string;
  workload: Workload;
  uid: string;
  /** Before the rollback, also when the snapshot was taken with a canary standing. */
  from: { revision: string; template: PodTemplate };
  /** As it will be stored: with what admission makes of it. */
  to: { template: PodTemplate };
  settings: Settings;
  images: Approved[];
}

/**
 * What a person approves exactly: this workload, from this template to that one, by this input. The same before the canary and while it stands, so that one
 * approval does for both.
 */
export function exactOf(
  { uid, from, to, settings }: Pick<Snapshot, 'uid' | 'from' | 'to' | 'settings'>,
  input: RollbackInput,
): Digest {
  return digest({
    uid,
    from: storedDigest(from.template),
    to: storedDigest(to.template),
    settings,
    input,
  });
}

export async function storeSnapshot(context: ActionContext, snapshot: Snapshot): Promise<EvidenceRef> {
  return context.evidence.put(canonical(snapshot), 'application/json', { essential: true });
}

/**
 * The workload of a mandate, as it was planned.
 * @throws Refused when the authority is not for what the input says; Drift when the snapshot is not what was approved
 */
export async function mandated(
  context: ActionContext,
  { authority, input, base }: Mandate<RollbackInput>,
): Promise<Snapshot> {
  const [target, ...more] = authority.targets;
  if (
    target === undefined ||
    more.length > 0 ||
    target.kind !== input.kind ||
    target.cluster !== input.cluster ||
    target.namespace !== input.namespace ||
    target.name !== input.name
  ) {
    throw refused(
      `the authority is not for ${input.kind} ${input.namespace}/${input.name} in cluster ${input.cluster}`,
    );
  }
  const snapshot = shape.parse(JSON.parse(new TextDecoder().decode(await context.evidence.get(base))));
  if (snapshot.uid !== target.uid || exactOf(snapshot, input) !== authority.exact)
    throw drift('the snapshot', 'is not of what was approved');
  return snapshot;
}
