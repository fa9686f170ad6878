import { ApplicationFailure } from '@temporalio/common';
import type {
  Action,
  ActionContext,
  Applied,
  Authority,
  Claim,
  Mandate,
  Plan,
  Target,
  Verification,
} from '../../domain/action.ts';
import { worst } from '../../domain/action.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import type { EvidenceRef } from '../../domain/evidence.ts';
import { canonical } from '../../domain/json.ts';
import type { Cluster, ClusterRegistry } from './client.ts';
import { isKubernetesError } from './errors.ts';
import { typed } from '../failure.ts';
import { collectEverything } from './evidence/collect.ts';
import { isStoreFull, startCollection, storeFull } from './evidence/collection.ts';
import { checkArtefacts } from './evidence/check.ts';
import { beating } from './evidence/heartbeat.ts';
import { keep } from './evidence/keep.ts';
import { input, maxDeadlineSeconds, notCovered, outputs } from './evidence/contract.ts';
import type { CollectEvidenceInput } from './evidence/contract.ts';
import { manifestOf, readManifest, shortened } from './evidence/manifest.ts';
import type { Manifest } from './evidence/manifest.ts';
import { imagesOf } from './evidence/pods.ts';
import type { Pod } from './evidence/pods.ts';
import { evidencePermissions, namespaceSources } from './evidence/sources.ts';
import { nothingToUndo } from './nothing-to-undo.ts';
import { resources } from './resources.ts';

const name = 'kubernetes.collect-evidence';

/**
 * Collects what a namespace's API objects and logs can tell, into the evidence store. It changes nothing; what could not be had is recorded, and
 * never fails the step.
 */
export function collectEvidence({ clusters }: { clusters: ClusterRegistry }): Action<CollectEvidenceInput> {
  return {
    name,
    title: 'Collect evidence of a namespace',
    summary:
      'Stores pods, their owners, images with digests, events, accounts, bindings, policies, Services, endpoints and the logs of every ' +
      'container, current and previous, each under its SHA-256. What cannot be had, by the deadline or at all, is recorded with the reason.',
    effect: 'read',
    holds: false,
    evidence: 'collects',
    input,
    outputs,
    permissions: evidencePermissions(),
    notCovered,
    timing: {
      planMs: 30_000,
      applyMs: (maxDeadlineSeconds + 60) * 1_000,
      verifyMs: 300_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 3,
    },
    plan: (context, request) => typed(() => plan(context, clusters(request.input.cluster), request.input)),
    apply: (context, mandate) => typed(() => apply(context, clusters(mandate.input.cluster), mandate)),
    verify: (context, mandate) => typed(() => verify(context, mandate)),
    undo: nothingToUndo,
  };
}

async function plan(context: ActionContext, cluster: Cluster, wanted: CollectEvidenceInput): Promise<Plan> {
  const { namespace, logBytes, deadlineSeconds } = wanted;
  const call = { signal: context.signal };
  const [target, pods] = await Promise.all([
    readTarget(context, cluster, namespace),
    cluster.list<Pod>({ ...resources.pods, namespace }, call),
  ]);
  const containers = pods.items.flatMap(imagesOf);
  const listing = pods.items.map(({ metadata }) => ({ name: metadata.name, uid: metadata.uid ?? '' }));
  const authority: Authority = {
    action: name,
    targets: [target],
    rule: 'read the objects and logs of this namespace and store them as evidence; change nothing',
    caps: { logBytes, deadlineSeconds },
    undo: 'none',
  };
  const ifApproved = [
    `The logs of ${containers.length} containers in ${pods.items.length} pods, and ${namespaceSources.length} kinds of objects, are stored as evidence.`,
    'Nothing in the cluster changes.',
  ];
  const snapshot = await keep(context, { namespace, uid: target.uid, pods: listing, images: containers });
  const full = await keep(context, {
    authority,
    collected: namespaceSources.map((source) => source.name),
    pods: listing,
  });
  const limits = [...notCovered];
  if (!snapshot.stored || !full.stored) {
    limits.push({
      code: 'evidence-store-full',
      text: 'The evidence store is full: little or nothing can be kept.',
    });
  }
  return {
    action: name,
    authority,
    facts: [
      {
        cluster: cluster.name,
        namespace,
        supports: [],
        pods: pods.items.length,
        environment: cluster.environment,
      },
    ],
    changes: [],
    changeCount: 0,
    notCovered: limits,
    undo: { kind: 'none', text: 'There is nothing to undo.' },
    description: {
      title: `Collect evidence of namespace ${namespace} in ${cluster.name}`,
      ifApproved,
      ifDenied: ['Logs and events are lost as pods restart and events expire.'],
    },
    snapshot: snapshot.ref,
    full: full.ref,
  };
}

async function apply(
  context: ActionContext,
  cluster: Cluster,
  { incident, step, input: wanted, authority }: Mandate<CollectEvidenceInput>,
): Promise<Applied> {
  const { namespace, logBytes, deadlineSeconds } = wanted;
  const target = await readTarget(context, cluster, namespace);
  if (!authority.targets.some(({ uid, cluster: of }) => uid === target.uid && of === target.cluster)) {
    throw targetGone(
      `namespace ${namespace} in ${cluster.name} is not the one that was planned for: it has another UID`,
    );
  }
  const began = performance.now();
  const collection = startCollection(
    context,
    { incident, collector: collectorOf(step) },
    deadlineSeconds * 1_000,
  );
  const pods = await beating(alive(context), () =>
    collectEverything(context, cluster, namespace, logBytes, collection),
  );
  const collected = collection.records.length;
  const bytes = collection.records.reduce((sum, { ref }) => sum + ref.size, 0);

  await context.checkpoint(`${name}: collected`);
  const manifest = await storeManifest(context, cluster, namespace, collection, collectorOf(step), incident);
  await context.checkpoint(`${name}: recorded`);
  const images = pods.flatMap(imagesOf);
  return {
    changes: [],
    already: 0,
    measures: {
      collectMs: Math.round(performance.now() - began),
      artefacts: collected,
      bytes,
      unavailable: collection.missing.length,
    },
    outputs: {
      artefacts: collected,
      bytes,
      complete: collection.missing.every(({ expected }) => expected),
      manifest: manifest?.digest ?? '',
      pods: pods.slice(0, 100).map(({ metadata }) => metadata.name),
      images: images
        .slice(0, 200)
        .map(({ pod, container, image, imageID }) => ({ pod, container, image, imageID })),
    },
    // The manifest names them all: a large namespace's would not fit in a history.
    artefacts: manifest === undefined ? [] : [manifest],
    unavailable: shortened(collection.missing, 100),
  };
}

type Running = ReturnType<typeof startCollection>;

async function storeManifest(
  context: ActionContext,
  cluster: Cluster,
  namespace: string,
  collection: Running,
  collector: string,
  incident: string,
): Promise<EvidenceRef | undefined> {
  await collection.flush();
  try {
    const ref = await context.evidence.put(
      canonical(manifestOf(cluster.name, namespace, collection)),
      'application/json',
    );
    const at = context.now().toISOString();
    const line = { ref, name: manifestName(namespace), incident, collector, source: collector, at };
    await context.evidence.record([line]);
    return ref;
  } catch (error) {
    if (!isStoreFull(error)) throw error;
    collection.miss(manifestName(namespace), storeFull);
    return undefined;
  }
}

async function verify(
  context: ActionContext,
  { incident, step, input: { namespace } }: Mandate<CollectEvidenceInput>,
): Promise<Verification> {
  const index = await context.evidence.index(incident);
  const line = index.findLast(
    (record) => record.collector === collectorOf(step) && record.name === manifestName(namespace),
  );
  const manifest = line === undefined ? undefined : await loadManifest(context, line.ref);
  if (manifest === undefined) {
    const any = index.some((record) => record.collector === collectorOf(step));
    const claim: Claim = {
      claim: 'what was collected is listed in a manifest',
      verdict: line === undefined ? 'unverifiable' : 'failed',
      detail: line === undefined ? 'there is none: the evidence store was full' : 'it is absent or altered',
    };
    return { state: any ? 'partial' : 'absent', verdict: claim.verdict, claims: [claim] };
  }
  const stored = await beating(alive(context), () => checkArtefacts(context, manifest));
  const missing = manifest.unavailable.filter(({ expected }) => !expected);
  const claims = [stored];
  if (missing.length > 0) {
    const named = shortened(missing, 5).map(({ what, why }) => `${what} (${why})`);
    claims.push({
      claim: 'nothing that was asked for is missing',
      verdict: 'unverifiable',
      detail: `${missing.length} not available: ${named.join('; ')}`,
    });
  }
  const partial = missing.length > 0 || stored.verdict === 'failed';
  return { state: partial ? 'partial' : 'in-place', verdict: worst(claims), claims };
}

/** undefined when the store does not have it as it was written. */
async function loadManifest(context: ActionContext, ref: EvidenceRef): Promise<Manifest | undefined> {
  try {
    return readManifest(await context.evidence.get(ref));
  } catch {
    // Whatever is wrong with it, there is no manifest to go by; the claim says so.
    return undefined;
  }
}

async function readTarget(context: ActionContext, cluster: Cluster, namespace: string): Promise<Target> {
  try {
    const { metadata } = await cluster.get(
      { ...resources.namespaces, name: namespace },
      { signal: context.signal },
    );
    return { kind: 'Namespace', cluster: cluster.name, name: namespace, uid: metadata.uid ?? '' };
  } catch (error) {
    if (!isKubernetesError(error, 'gone')) throw error;
    throw targetGone(`there is no namespace ${namespace} in ${cluster.name}`);
  }
}

function alive(context: ActionContext): () => Promise<void> {
  return () => context.checkpoint(`${name}: working`);
}

function targetGone(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    message: `FB3221: ${message}`,
    type: failureTypes.targetGone,
    nonRetryable: true,
  });
}

function collectorOf(step: string): string {
  return `${name}/${step}`;
}

function manifestName(namespace: string): string {
  return `namespaces/${namespace}/manifest`;
}
