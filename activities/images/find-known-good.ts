import {
  worst,
  type Action,
  type ActionContext,
  type Applied,
  type Authority,
  type Claim,
  type Mandate,
  type Plan,
  type Verification,
} from '../../domain/action.ts';
import { z } from 'zod';
import { canonical } from '../../domain/json.ts';
import { redactJson } from '../../domain/redaction.ts';
import type { ImageAssessor } from '../../domain/image.ts';
import { typed } from '../failure.ts';
import type { ClusterRegistry } from '../kubernetes/client.ts';
import { keep } from '../kubernetes/evidence/keep.ts';
import { nothingToUndo } from '../kubernetes/nothing-to-undo.ts';
import {
  input,
  notCovered,
  outputs,
  permissions,
  type FindKnownGoodInput,
} from './find-known-good/contract.ts';
import { examine, readHistory, type Examined, type World } from './find-known-good/examine.ts';
import { choiceOf, outputsOf, recordOf } from './find-known-good/summary.ts';
import type { PolicySource } from './in-force.ts';
import { keepRecord, readRecord } from './record.ts';

const name = 'images.find-known-good';

export interface FindKnownGoodOptions {
  clusters: ClusterRegistry;
  images: ImageAssessor;
  policy: PolicySource;
}

/** Finds what a workload may be rolled back to, and says of each revision of its history why it is or is not acceptable. */
export function findKnownGood(options: FindKnownGoodOptions): Action<FindKnownGoodInput> {
  const worldOf = ({ cluster }: FindKnownGoodInput): World => ({
    ...options,
    cluster: options.clusters(cluster),
  });
  return {
    name,
    title: 'Find a known-good revision of a workload',
    summary:
      'Goes through the history of a workload, newest first, and says of each revision why it is or is not acceptable: who signed its images and when, whether a digest is denied, ' +
      'what its template has beyond the image, whether somebody wrote into it. Where none is, it takes digests that the responder or the image policy names, and judges them all the same.',
    effect: 'read',
    holds: false,
    input,
    outputs,
    permissions,
    notCovered,
    timing: {
      planMs: 30_000,
      applyMs: 300_000,
      verifyMs: 300_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 3,
    },
    plan: (context, request) => typed(() => plan(context, worldOf(request.input), request.input)),
    apply: (context, mandate) => typed(() => apply(context, worldOf(mandate.input), mandate)),
    verify: (context, mandate) => typed(() => verify(context, worldOf(mandate.input), mandate)),
    undo: nothingToUndo,
  };
}

async function plan(context: ActionContext, world: World, given: FindKnownGoodInput): Promise<Plan> {
  const { cluster } = world;
  const { kind, namespace, name: workloadName } = given;
  const { workload, revisions } = await readHistory(world, given, context.signal);
  const { uid = '' } = workload.metadata;
  const authority: Authority = {
    action: name,
    targets: [{ kind, cluster: cluster.name, namespace, name: workloadName, uid }],
    rule: `read the history of this ${kind} and what signs its images, and judge them by the image policy; change nothing`,
    caps: {},
    undo: 'none',
  };
  const where = `${kind} ${namespace}/${workloadName} in ${cluster.name}`;
  const snapshot = await keep(context, { cluster: cluster.name, namespace, kind, name: workloadName, uid });
  const full = await keep(context, { authority, revisions: revisions.map((revision) => revision.name) });
  return {
    action: name,
    authority,
    facts: [{ cluster: cluster.name, namespace, supports: [], pods: 0, environment: cluster.environment }],
    changes: [],
    changeCount: 0,
    notCovered,
    undo: { kind: 'none', text: 'There is nothing to undo.' },
    description: {
      title: `Find a known-good revision of ${where}`,
      ifApproved: [
        `${revisions.length} revisions and the signatures of their images are read. Nothing in the cluster changes.`,
      ],
      ifDenied: ['Nobody learns what it could be rolled back to.'],
    },
    snapshot: snapshot.ref,
    full: full.ref,
  };
}

const recordName = (step: string): string => `images/${step}/known-good.json`;

async function apply(
  context: ActionContext,
  world: World,
  mandate: Mandate<FindKnownGoodInput>,
): Promise<Applied> {
  const began = performance.now();
  const examined = await examineNow(context, world, mandate);
  await context.checkpoint(`${name}: judged`);
  const kept = {
    name: recordName(mandate.step),
    collector: `firebreak/${name}`,
    source: `cluster ${world.cluster.name}`,
  };
  const ref = await keepRecord(context, mandate, kept, recordOf(examined));
  return {
    changes: [],
    already: 0,
    measures: { readMs: Math.round(performance.now() - began), revisions: examined.explained.length },
    outputs: outputsOf(examined, ref?.digest ?? ''),
    artefacts: ref === undefined ? [] : [ref],
    unavailable: ref === undefined ? [{ what: kept.name, why: 'the evidence store is full' }] : [],
  };
}

async function examineNow(
  context: ActionContext,
  world: World,
  { input: given, authority }: Mandate<FindKnownGoodInput>,
): Promise<Examined> {
  const history = await readHistory(world, given, context.signal, authority.targets[0]?.uid ?? '');
  return examine(world, given, history, context);
}

const recordShape = z.object({ choice: z.unknown() });

/** Goes through the history again: the same must be chosen, by the policy that is in force now. */
async function verify(
  context: ActionContext,
  world: World,
  mandate: Mandate<FindKnownGoodInput>,
): Promise<Verification> {
  const kept = await readRecord(context, mandate, recordName(mandate.step), recordShape);
  const evidence: Claim = {
    claim: 'why each revision is or is not acceptable is in evidence',
    verdict: kept === 'absent' ? 'unverifiable' : kept === 'altered' ? 'failed' : 'verified',
    detail:
      kept === 'absent'
        ? 'it was not kept: the evidence store is full'
        : kept === 'altered'
          ? 'it is absent or altered'
          : 'read back, and hashed',
  };
  if (typeof kept === 'string') return { state: 'partial', verdict: evidence.verdict, claims: [evidence] };
  const choice = choiceOf(await examineNow(context, world, mandate)) ?? null;
  const same = canonical(redactJson(choice)) === canonical(kept.choice);
  const words =
    choice === null
      ? 'nothing acceptable is found'
      : `${choice.revision === '' ? 'the template of now, with the digests that are named,' : choice.revision} is chosen`;
  const claims: Claim[] = [
    evidence,
    {
      claim: 'what was chosen is the newest that is acceptable',
      verdict: same ? 'verified' : 'failed',
      detail: same ? `judged again: ${words}` : `judged again, it is not: ${words} now; run the step again`,
    },
  ];
  const verdict = worst(claims);
  return { state: verdict === 'verified' ? 'in-place' : 'partial', verdict, claims };
}
