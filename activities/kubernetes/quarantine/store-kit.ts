import type { Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import type { Custody } from './custody.ts';
import { isDeny, type DenyWork } from './deny.ts';
import { recoverable } from './failures.ts';
import { kitName, kitNamespace } from './marks.ts';
import { kitConfigMap, releaseScript } from './release-kit.ts';
import { toRestore, type Snapshot } from './snapshot.ts';
import { ensure } from './write.ts';

const MANAGED_BY = 'app.kubernetes.io/managed-by';

export interface KitWork extends DenyWork {
  mandate: Mandate<{ cluster: string; namespace: string }>;
  base: Snapshot;
  custody: Custody;
}

/** The way out comes before the first write. It must never be what keeps a containment from happening. */
export async function storeKit(work: KitWork): Promise<void> {
  const { context, cluster, mandate, namespace, uid, base } = work;
  const source = {
    cluster: cluster.name,
    namespace,
    uid,
    removed: toRestore(base),
    others: base.networkPolicies.filter((policy) => !isDeny(policy, work)),
    base: mandate.base.digest,
  };
  const script = releaseScript(source);
  const { artefacts, unavailable } = work.custody;
  try {
    const ref = await context.evidence.put(script, 'application/x-sh', { essential: true });
    artefacts.push(ref);
    await context.evidence.record([
      {
        ref,
        name: `quarantine/${uid}/release.sh`,
        incident: mandate.incident,
        collector: 'kubernetes.quarantine-namespace',
        source: `cluster ${cluster.name}`,
        at: context.now().toISOString(),
      },
    ]);
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    unavailable.push({ what: 'release kit in the evidence store', why: error.message });
  }
  const { object, whole } = kitConfigMap(source, script);
  if (!whole)
    unavailable.push({
      what: 'release kit in the cluster',
      why: 'it is too large for a ConfigMap: only a pointer is stored',
    });
  try {
    const location = { ...resources.configMaps, namespace: kitNamespace, name: kitName(namespace) };
    // A kit of an earlier namespace of this name is of no use any more.
    const isKit = (actual: KubernetesObject) => actual.metadata.labels?.[MANAGED_BY] === 'firebreak';
    await ensure(context, cluster, location, object, uid, work, isKit);
  } catch (error) {
    unavailable.push({
      what: `release kit in the cluster's namespace ${kitNamespace}`,
      why: recoverable(error).message,
    });
  }
}
