import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import type { Cluster } from '../client.ts';
import { refused, objectGone } from '../quarantine/failures.ts';
import { boundApplied } from '../quarantine/report.ts';
import { readNamespace, refuseProtected, whoAmI } from '../quarantine/target.ts';
import type { Tally } from '../quarantine/write.ts';
import { leftUnavailable } from '../restart/left.ts';
import { restartUsers, type Restarted } from '../restart/restart.ts';
import { accountAt, type ServiceAccount, type Snapshot } from './account.ts';
import { describeBinding, survivingBindings } from './bindings.ts';
import { awaitRefusal, mint, review, type Canary } from './canary.ts';
import { mostListed, type RevokeInput } from './contract.ts';
import { findProof, keepProof, type Proof } from './proof.ts';
import { deleteAccount, recreateAccount, type Work } from './recreate.ts';
import { findAccount, labelOf, mandatedAccount, usersOf, wantedAccount } from './target.ts';
import { reissue } from './token-secrets.ts';

/** For workloads that share a budget to come up one after another. */
const WAVE_MS = 120_000;

const nothingRestarted: Restarted = { changes: [], already: 0, left: [], workloads: 0 };

/**
 * Deletes the account and makes it again: safe to run again after a kill at any point. The canary lives in memory only, so a kill between its minting
 * and its last question costs the measurement, never the revocation; the proof says so then.
 */
export async function apply(
  cluster: Cluster,
  context: ActionContext,
  mandate: Mandate<RevokeInput>,
): Promise<Applied> {
  const { input } = mandate;
  const { namespace, serviceAccount: name } = input;
  refuseProtected(namespace);
  const { target, snapshot } = await mandatedAccount(context, mandate);
  const [current, { wanted, dropped }, engine] = await Promise.all([
    findAccount(cluster, input, context.signal),
    wantedAccount(cluster, snapshot, context.signal),
    whoAmI(cluster, context.signal),
    // Nothing could be made again in one that is being deleted.
    readNamespace(cluster, namespace, context.signal),
  ]);
  if (engine === `system:serviceaccount:${namespace}:${name}`)
    throw refused(`Firebreak itself acts as ${labelOf(input)}`);
  // What an earlier attempt deleted is ours to make again; what was gone or replaced before the first one is not.
  const { data: begun } = await context.intend('revoke', { found: current?.metadata.uid ?? '' });
  if (begun['found'] !== target.uid)
    throw objectGone(
      labelOf(input),
      begun['found'] === '' ? 'is gone' : 'is another one than was approved: its UID differs',
    );

  const tally: Tally = { changes: [], already: 0 };
  const work: Work = { context, cluster, tally };
  const canary =
    current?.metadata.uid === target.uid
      ? await mintCanary(context, cluster, current)
      : { why: 'the account was deleted by an attempt that ended before it had measured' };
  await deleteAccount(work, snapshot.account);
  const goneAt = performance.now();
  // The proof waits for nothing, and nothing waits for it: pods are refused from now on, and what stands in the way of a new account takes no proof away.
  const [proved, recovered] = await Promise.allSettled([
    prove(context, cluster, mandate, canary, goneAt),
    recover(work, mandate, snapshot, wanted),
  ]);
  if (recovered.status === 'rejected') throw recovered.reason;
  if (proved.status === 'rejected') throw proved.reason;
  const { account, recreatedMs, issued, restarted } = recovered.value;
  const { artefacts, unavailable } = proved.value;
  // That of an earlier attempt, where this one could not measure.
  const proof = await findProof(context, mandate, { namespace, name, uid: target.uid });
  const bindings = await survivingBindings(cluster, namespace, name, context.signal);
  return boundApplied(context, {
    changes: [...tally.changes, ...issued.changes, ...restarted.changes],
    already: tally.already + restarted.already,
    measures: {
      recreatedMs,
      ...(proof?.canary === undefined
        ? {}
        : { tokenRefusedAfterMs: proof.canary.afterMs, tokenSeenRefusedForMs: proof.canary.forMs }),
    },
    outputs: {
      previousUid: target.uid,
      uid: account.metadata.uid ?? '',
      oldTokenRefused: proof?.canary?.refused === true,
      restarted: restarted.workloads,
      notRestarted: restarted.left.slice(0, mostListed).map(({ object, why }) => `${object} (${why})`),
      tokenSecrets: snapshot.tokenSecrets.slice(0, mostListed).map((secret) => secret.name),
      reissued: issued.issued,
      bindings: bindings.slice(0, mostListed).map(describeBinding),
      bindingCount: bindings.length,
    },
    artefacts,
    unavailable: [
      ...unavailable,
      ...(proof?.why === undefined ? [] : [{ what: 'a measurement with an old token', why: proof.why }]),
      ...issued.unavailable,
      ...dropped.map((owner) => ({
        what: `owner ${owner.kind} ${owner.name} of the account`,
        why: 'it is gone or cannot be read: the account would have been garbage-collected',
      })),
      ...leftUnavailable(restarted.left),
    ],
  });
}

type MaybeCanary = { canary: Canary } | { why: string };

/** A token that is good now. Without one that is, nothing could be measured after. */
async function mintCanary(
  context: ActionContext,
  cluster: Cluster,
  { metadata }: ServiceAccount,
): Promise<MaybeCanary> {
  const { namespace = '', name, deletionTimestamp } = metadata;
  if (deletionTimestamp !== undefined) return { why: 'the account was being deleted already' };
  await context.beforeWrite(`mint a token of ${accountAt(namespace, name).resource}/${name}`);
  const canary = await mint(cluster, namespace, name, context.signal);
  const { authenticated, error } = await review(cluster, canary.token, context.signal);
  return authenticated ? { canary } : { why: `a new token was not accepted before: ${error}` };
}

/** Asks, and keeps what was measured: whatever happens to the rest, nobody can measure it again. */
async function prove(
  context: ActionContext,
  cluster: Cluster,
  mandate: Mandate<RevokeInput>,
  minted: MaybeCanary,
  goneAt: number,
): Promise<Pick<Applied, 'artefacts' | 'unavailable'>> {
  const { namespace, serviceAccount: name } = mandate.input;
  const proof: Proof = { v: 1, previousUid: mandate.authority.targets[0]?.uid ?? '' };
  if ('why' in minted) proof.why = minted.why;
  else {
    const { token, sha256, jti } = minted.canary;
    proof.canary = { sha256, jti, ...(await awaitRefusal(context, cluster, token, goneAt)) };
  }
  try {
    const kept = await keepProof(context, mandate, { cluster: cluster.name, namespace, name }, proof);
    await context.checkpoint('kept the proof');
    return { artefacts: [kept], unavailable: [] };
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    return { artefacts: [], unavailable: [{ what: 'the proof', why: error.message }] };
  }
}

/** Makes the account again, and then whatever lives on with it. */
async function recover(
  work: Work,
  mandate: Mandate<RevokeInput>,
  snapshot: Snapshot,
  wanted: ServiceAccount,
): Promise<{
  account: ServiceAccount;
  recreatedMs: number;
  issued: Awaited<ReturnType<typeof reissue>>;
  restarted: Restarted;
}> {
  const { context, cluster } = work;
  const { input, authority } = mandate;
  const began = performance.now();
  const account = await recreateAccount(work, wanted, snapshot.account.metadata.uid ?? '');
  const recreatedMs = Math.round(performance.now() - began);
  const { namespace = '', name, uid = '' } = account.metadata;
  const again = snapshot.tokenSecrets.filter((secret) => input.reissue.includes(secret.name));
  const issued =
    again.length === 0
      ? { changes: [], issued: [], unavailable: [] }
      : await reissue(context, cluster, { namespace, name, uid }, again);
  const restarted = input.restart
    ? await restartUsers(context, cluster, mandate, {
        ...usersOf(input, snapshot),
        cap: authority.caps['workloads'] ?? 0,
        waveMs: WAVE_MS,
      })
    : nothingRestarted;
  return { account, recreatedMs, issued, restarted };
}
