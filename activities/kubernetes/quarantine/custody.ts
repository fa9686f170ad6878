import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull, type EvidenceRef } from '../../../domain/evidence.ts';
import { digest } from '../../../domain/json.ts';
import { inParallel } from '../evidence/in-parallel.ts';
import type { KubernetesObject } from '../resources.ts';
import type { Snapshot } from './snapshot.ts';

const AT_ONCE = 16;
const prefix = 'removed-after-base/networkpolicies/';

/** What the base does not have, and a quarantine took away all the same. */
export interface Custody {
  /**
   * Stores policies before they are removed or overwritten, unless the base has them as they are. A full store is no obstacle: then a line with the
   * digest is kept in place of the policy.
   */
  keep: (policies: readonly KubernetesObject[]) => Promise<void>;
  artefacts: EvidenceRef[];
  unavailable: Applied['unavailable'];
}

/** The index of a hold: incidents that share it, and every attempt of each, see what the others removed. A base is taken once a hold. */
function holdIndex({ authority, base }: Pick<Mandate, 'authority' | 'base'>): string {
  return `hold-${authority.targets[0]?.uid ?? ''}-${base.digest.slice('sha256:'.length, 'sha256:'.length + 16)}`;
}

export function custody(
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'authority' | 'base'>,
  cluster: string,
  base: Snapshot,
): Custody {
  const known = new Set(base.networkPolicies.map(versionOf));
  const artefacts: EvidenceRef[] = [];
  const unavailable: Applied['unavailable'] = [];

  async function store(policy: KubernetesObject): Promise<EvidenceRef> {
    try {
      const ref = await context.evidence.put(JSON.stringify(policy), 'application/json');
      artefacts.push(ref);
      return ref;
    } catch (error) {
      if (!(error instanceof EvidenceStoreFull)) throw error;
      unavailable.push({ what: `copy of networkpolicies/${policy.metadata.name}`, why: error.message });
      const { name, uid, resourceVersion } = policy.metadata;
      const line = { notKept: error.message, name, uid, resourceVersion, digest: digest(policy) };
      return context.evidence.put(JSON.stringify(line), 'application/json', { essential: true });
    }
  }

  async function keep(policies: readonly KubernetesObject[]): Promise<void> {
    const late = policies.filter((policy) => !known.has(versionOf(policy)));
    const kept: { name: string; ref: EvidenceRef }[] = [];
    try {
      await inParallel(late, AT_ONCE, async (policy) => {
        kept.push({ name: policy.metadata.name, ref: await store(policy) });
      });
      await context.evidence.record(
        [mandate.incident, holdIndex(mandate)].flatMap((incident) =>
          kept.map(({ name, ref }) => ({
            ref,
            name: `${prefix}${name}`,
            incident,
            collector: 'kubernetes.quarantine-namespace',
            source: `cluster ${cluster}`,
            at: context.now().toISOString(),
          })),
        ),
      );
    } catch (error) {
      if (!(error instanceof EvidenceStoreFull)) throw error;
      unavailable.push({ what: `chain of custody of ${late.length} NetworkPolicies`, why: error.message });
    }
  }

  return { keep, artefacts, unavailable };
}

/** The policies under a hold that were removed or overwritten in a form that the base does not have: a name may come more than once. */
export async function removedAfterBase(
  context: ActionContext,
  mandate: Pick<Mandate, 'authority' | 'base'>,
): Promise<{ name: string; ref: EvidenceRef }[]> {
  const records = await context.evidence.index(holdIndex(mandate));
  return records
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, ref }) => ({ name: name.slice(prefix.length), ref }));
}

function versionOf({ metadata }: KubernetesObject): string {
  return `${metadata.uid ?? ''}/${metadata.resourceVersion ?? ''}`;
}
