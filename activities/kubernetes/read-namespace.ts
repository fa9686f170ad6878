import type {
  Action,
  ActionContext,
  Applied,
  Authority,
  Claim,
  Mandate,
  Plan,
  Verification,
} from '../../domain/action.ts';
import type { Cluster, ClusterRegistry } from './client.ts';
import { isKubernetesError } from './errors.ts';
import { typed } from '../failure.ts';
import { keep } from './evidence/keep.ts';
import { nothingToUndo } from './nothing-to-undo.ts';
import { input, notCovered, outputs, permissions, type ReadNamespaceInput } from './reading/contract.ts';
import { summarise, type PodToSum } from './reading/summary.ts';
import { resources, type KubernetesObject } from './resources.ts';

const name = 'kubernetes.read-namespace';

/** For one verb and all of its calls: whoever waits for a condition asks again soon. */
const deadlineMs = 20_000;

/**
 * Reads what a playbook decides by: whether a namespace is there, and how its pods fare. Cheap, so that it can be repeated; a namespace that is missing
 * is a reading like any other.
 */
export function readNamespace({ clusters }: { clusters: ClusterRegistry }): Action<ReadNamespaceInput> {
  return {
    name,
    title: 'Read a namespace',
    summary:
      'Says whether a namespace is there, and how many pods it has, how many are ready, restart or use the network of their node, and which images they run. ' +
      'For conditions and for `wait`: three small reads, nothing is changed.',
    effect: 'read',
    holds: false,
    input,
    outputs,
    permissions,
    notCovered,
    timing: {
      planMs: deadlineMs + 10_000,
      applyMs: deadlineMs + 10_000,
      verifyMs: deadlineMs + 10_000,
      undoMs: 10_000,
      heartbeatMs: 10_000,
      attempts: 3,
    },
    plan: (context, request) => typed(() => plan(context, clusters(request.input.cluster), request.input)),
    apply: (context, mandate) => typed(() => apply(context, clusters(mandate.input.cluster), mandate.input)),
    verify: (context, mandate) => typed(() => verify(context, clusters(mandate.input.cluster), mandate)),
    undo: nothingToUndo,
  };
}

async function plan(
  context: ActionContext,
  cluster: Cluster,
  { namespace }: ReadNamespaceInput,
): Promise<Plan> {
  const found = await find(cluster, namespace, callOf(context));
  const uid = found?.metadata.uid ?? '';
  const authority: Authority = {
    action: name,
    targets: found === undefined ? [] : [{ kind: 'Namespace', cluster: cluster.name, name: namespace, uid }],
    rule: 'read this namespace and the pods in it; change nothing',
    caps: {},
    undo: 'none',
  };
  // Neither holds a time: a reading that is repeated takes no more room in the store.
  const snapshot = await keep(context, { cluster: cluster.name, namespace, uid });
  const full = await keep(context, { authority, cluster: cluster.name, namespace });
  return {
    action: name,
    authority,
    // No guardrail counts the pods of what is only read.
    facts: [{ cluster: cluster.name, namespace, supports: [], pods: 0, environment: cluster.environment }],
    changes: [],
    changeCount: 0,
    notCovered,
    undo: { kind: 'none', text: 'There is nothing to undo.' },
    description: {
      title: `Read namespace ${namespace} in ${cluster.name}`,
      ifApproved: ['Nothing in the cluster changes.'],
      ifDenied: ['The playbook does not learn how the namespace stands.'],
    },
    snapshot: snapshot.ref,
    full: full.ref,
  };
}

async function apply(
  context: ActionContext,
  cluster: Cluster,
  { namespace }: ReadNamespaceInput,
): Promise<Applied> {
  const began = performance.now();
  const call = callOf(context);
  const [found, pods] = await Promise.all([
    find(cluster, namespace, call),
    cluster.list<PodToSum>({ ...resources.pods, namespace }, call),
  ]);
  await context.checkpoint(`${name}: read`);
  return {
    changes: [],
    already: 0,
    measures: { readMs: Math.round(performance.now() - began) },
    outputs: summarise(found, pods.items),
    artefacts: [],
    unavailable: [],
  };
}

/** Whether it is still the namespace that was there, or still none. */
async function verify(
  context: ActionContext,
  cluster: Cluster,
  { authority, input: { namespace } }: Mandate<ReadNamespaceInput>,
): Promise<Verification> {
  const planned = authority.targets[0]?.uid;
  const now = (await find(cluster, namespace, callOf(context)))?.metadata.uid;
  const same = planned === now;
  const claim: Claim = {
    claim:
      planned === undefined
        ? `there is no namespace ${namespace}`
        : `namespace ${namespace} is the one with UID ${planned}`,
    verdict: same ? 'verified' : 'unverifiable',
    detail: same ? 'read again' : now === undefined ? 'it is gone now' : `now there is one with UID ${now}`,
  };
  return { state: same ? 'in-place' : 'partial', verdict: claim.verdict, claims: [claim] };
}

/** undefined when there is none. */
async function find(
  cluster: Cluster,
  namespace: string,
  call: { signal: AbortSignal },
): Promise<KubernetesObject | undefined> {
  try {
    return await cluster.get({ ...resources.namespaces, name: namespace }, call);
  } catch (error) {
    if (!isKubernetesError(error, 'gone')) throw error;
    return undefined;
  }
}

function callOf({ signal }: ActionContext): { signal: AbortSignal } {
  return { signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]) };
}
