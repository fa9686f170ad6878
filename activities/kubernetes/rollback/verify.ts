import { setTimeout as sleep } from 'node:timers/promises';
import {
  worst,
  type ActionContext,
  type Claim,
  type Mandate,
  type Verdict,
  type Verification,
} from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import { digest } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { Cluster } from '../client.ts';
import { rolloutOf } from '../restart/rollout.ts';
import { findWorkload, sizeOf, templateOf, type Workload } from '../workload/kinds.ts';
import { storedDigest } from '../workload/template.ts';
import { canaryAction, type RollbackAction, type RollbackInput } from './contract.ts';
import { platformsOf, readNodes } from './nodes.ts';
import type { Judged } from './pods.ts';
import { settingsOf } from './settings.ts';
import { mandated } from './snapshot.ts';
import { isObserved } from './steps.ts';
import { nameOf, ourMark, readPods, readTarget, saidOf, type Work } from './work.ts';

const MOST_NAMED = 20;
const SEEN_WITHIN_MS = 15_000;
const POLL_MS = 100;

/** Measures what stands now. Reads only. */
export async function verify(
  action: RollbackAction,
  cluster: Cluster,
  images: ImageAssessor,
  context: ActionContext,
  mandate: Mandate<RollbackInput>,
): Promise<Verification> {
  const snapshot = await mandated(context, mandate);
  const work: Work = { context, cluster, images, mandate, snapshot, changes: [], platforms: new Map() };
  const found = await findWorkload(cluster, mandate.input, context.signal);
  if (found?.metadata.uid !== snapshot.uid || found.metadata.deletionTimestamp !== undefined)
    return goneVerification(work, found);
  const workload = await readSeen(work);
  work.platforms = platformsOf(await readNodes(cluster, context.signal));
  const { pods } = await readPods(work, workload);
  const isTarget = storedDigest(templateOf(workload)) === storedDigest(snapshot.to.template);
  const claims = [
    templateClaim(work, workload, isTarget),
    ...(workload.kind === 'CronJob'
      ? cronJobClaims(pods)
      : action === canaryAction
        ? canaryClaims(work, workload, pods)
        : allClaims(workload, pods)),
    ...moreClaims(pods),
  ];
  const verdict = worst(claims);
  return { state: !isTarget ? 'absent' : verdict === 'failed' ? 'partial' : 'in-place', verdict, claims };
}

function goneVerification({ snapshot }: Work, found: Workload | undefined): Verification {
  const claim: Claim = {
    claim: `${nameOf(snapshot.workload)} has the approved template, with each image pinned`,
    verdict: 'failed',
    detail: found === undefined ? 'it is gone' : 'it is being deleted, or another one has its name',
  };
  return { state: 'absent', verdict: 'failed', claims: [claim] };
}

/** A controller sees a write of ours with a delay. */
async function readSeen(work: Work): Promise<Workload> {
  const began = performance.now();
  for (;;) {
    const workload = await readTarget(work);
    if (isObserved(workload) || workload.kind === 'CronJob' || performance.now() - began > SEEN_WITHIN_MS)
      return workload;
    await work.context.checkpoint('await its controller');
    await sleep(POLL_MS, undefined, { signal: work.context.signal });
  }
}

function templateClaim({ snapshot }: Work, workload: Workload, isTarget: boolean): Claim {
  const now = storedDigest(templateOf(workload));
  const isBack = now === storedDigest(snapshot.from.template);
  return {
    claim: `${nameOf(workload)} has the approved template, with each image pinned`,
    verdict: isTarget ? 'verified' : 'failed',
    detail: isTarget
      ? `its digest is ${now}`
      : isBack
        ? 'it has the template again that it was rolled back from: a controller or a person has reverted it'
        : `somebody has changed it since: its digest is ${now}`,
  };
}

function canaryClaims(work: Work, workload: Workload, pods: readonly Judged[]): Claim[] {
  const fresh = pods.filter(({ isNew, going }) => isNew && !going);
  const mark = ourMark(workload, work);
  const held =
    mark !== undefined && mark.stage !== 'trying' && digest(settingsOf(workload)) === digest(mark.set);
  return [
    readyClaim(
      `${fresh.length} of ${pods.length} pods are new and ready`,
      fresh.length > 0 && isObserved(workload) && fresh.every(({ ready }) => ready),
      fresh,
    ),
    digestClaim('every container of the new pods runs the approved digest', fresh),
    {
      claim: 'no other pod is replaced until somebody says so',
      verdict: held ? (mark.stage === 'held' ? 'verified' : 'evaluated') : 'failed',
      detail: held
        ? mark.stage === 'held'
          ? 'its update strategy is as it was set to hold it'
          : 'the rollback has gone on to all pods since'
        : 'its update strategy, or the mark on it, was changed',
    },
  ];
}

function allClaims(workload: Workload, pods: readonly Judged[]): Claim[] {
  const { done, detail } = rolloutOf(workload);
  const old = pods.filter(({ isNew }) => !isNew);
  return [
    {
      claim: `its controller has replaced all ${sizeOf(workload)} pods`,
      verdict: done && isObserved(workload) ? 'verified' : 'failed',
      detail,
    },
    digestClaim('every container of its pods runs the approved digest', pods),
    {
      claim: 'no pod of the suspect revision is left',
      verdict: old.length === 0 ? 'verified' : 'failed',
      detail:
        old.length === 0
          ? `${pods.length} pods that it owns were listed`
          : listed(old.map(({ name }) => `pods/${name}`)),
    },
  ];
}

/** Its Jobs begin with the new template; those that run are not ended. */
function cronJobClaims(pods: readonly Judged[]): Claim[] {
  const old = pods.filter(({ wrong, unknown }) => wrong.length + unknown.length > 0);
  return [
    {
      claim: 'no Job that began before still runs',
      verdict: old.length === 0 ? 'verified' : 'unverifiable',
      detail:
        old.length === 0
          ? `${pods.length} pods of its Jobs run, each with the approved digests`
          : `they go on with what they began with: ${listed(old.map(({ name }) => `pods/${name}`))}`,
    },
  ];
}

function readyClaim(claim: string, isReady: boolean, pods: readonly Judged[]): Claim {
  const late = pods.filter(({ ready }) => !ready).map(({ name }) => `pods/${name}`);
  return {
    claim,
    verdict: isReady ? 'verified' : 'failed',
    detail: isReady
      ? listed(pods.map(({ name }) => `pods/${name}`))
      : late.length === 0
        ? 'there is none yet'
        : `not ready: ${listed(late)}`,
  };
}

function digestClaim(claim: string, pods: readonly Judged[]): Claim {
  const wrong = saidOf(pods, 'wrong');
  const unknown = saidOf(pods, 'unknown');
  const verdict: Verdict =
    wrong.length > 0 ? 'failed' : unknown.length > 0 || pods.length === 0 ? 'unverifiable' : 'verified';
  return {
    claim,
    verdict,
    detail:
      verdict === 'verified'
        ? `compared for ${pods.length} ${pods.length === 1 ? 'pod' : 'pods'} with the digest that was approved, or that of its child for the node’s platform`
        : pods.length === 0
          ? 'there is no pod to compare'
          : listed([...wrong, ...unknown]),
  };
}

/** What nobody judged. */
function moreClaims(pods: readonly Judged[]): Claim[] {
  const more = [...saidOf(pods, 'more'), ...saidOf(pods, 'ephemeral').map((text) => `${text} (ephemeral)`)];
  return more.length === 0
    ? []
    : [
        {
          claim: 'its pods have no container besides those that were approved',
          verdict: 'unverifiable',
          detail: `admission or a person added: ${listed(more)}`,
        },
      ];
}

function listed(lines: readonly string[]): string {
  const more = lines.length > MOST_NAMED ? ` and ${lines.length - MOST_NAMED} more` : '';
  return oneLine(`${lines.slice(0, MOST_NAMED).join('; ')}${more}`, 4_000);
}
