import type { ActionContext, Applied, Change, Mandate } from '../../../domain/action.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import type { Secret, SecretStores } from '../../../domain/secret.ts';
import type { Cluster } from '../client.ts';
import { drift, objectGone } from '../quarantine/failures.ts';
import { boundApplied } from '../quarantine/report.ts';
import { refuseProtected } from '../quarantine/target.ts';
import { leftUnavailable } from '../restart/left.ts';
import { restartedBy, restartMark, restartUsers, type Restarted } from '../restart/restart.ts';
import { awaitRollouts } from '../restart/rollout.ts';
import { mostListed, type RotateInput } from './contract.ts';
import { findProof, keepProof, type Proof } from './proof.ts';
import {
  findSecret,
  isRotated,
  labelOf,
  mandatedSecret,
  markOf,
  usersOf,
  type KubernetesSecret,
} from './target.ts';
import { refuseUnfit } from './unfit.ts';
import { awaitRefused, tryValue } from './trial.ts';
import { newValue, valueOf, writeValue } from './write.ts';

/** For workloads that share a budget to come up one after another, and for all before the old value is tried. */
const WAVE_MS = 120_000;

/** The old value while it is held, if the endpoint accepts it. */
type Old = { value: Secret } | { why: string };

/**
 * Replaces the value and restarts who uses it: safe to run again after a kill at any point. The old value lives in memory only, so a kill after the write
 * costs its trial, never the rotation; the proof says so then.
 */
export async function apply(
  cluster: Cluster,
  secrets: SecretStores,
  context: ActionContext,
  mandate: Mandate<RotateInput>,
): Promise<Applied> {
  const { input } = mandate;
  refuseProtected(input.namespace);
  const { target, snapshot } = await mandatedSecret(context, mandate);
  const current = await findSecret(cluster, input, context.signal);
  if (current === undefined) throw objectGone(labelOf(input), 'is gone');
  if (current.metadata.uid !== target.uid)
    throw objectGone(labelOf(input), 'is another one than was approved: its UID differs');
  const mark = markOf(mandate);
  let secret: KubernetesSecret = current;
  let old: Old = { why: 'an attempt that ended before it had tried the old value took it with it' };
  const changes: Change[] = [];
  if (!isRotated(current, mark)) {
    if (current.metadata.resourceVersion !== snapshot.resourceVersion)
      throw drift(labelOf(input), 'was changed since it was approved');
    refuseUnfit(current, input);
    old = await oldValue(context, input, current);
    const value = await newValue(secrets, input, context.signal);
    if (valueOf(current, input.key)?.reveal() === value.reveal())
      throw new FirebreakError('FB3227', 'with.from: the new value is the old one');
    const written = await writeValue(context, cluster, input, current, value, mark);
    secret = written.secret;
    changes.push(written.change);
  }
  const restarted = await restart(context, cluster, mandate);
  const { artefacts, unavailable } = await prove(context, mandate, secret, old);
  const proof = await findProof(context, mandate);
  return boundApplied(context, {
    changes: [...changes, ...restarted.changes],
    already: restarted.already + (changes.length === 0 ? 1 : 0),
    measures:
      proof?.trial === undefined
        ? {}
        : { oldValueRefusedAfterMs: proof.trial.afterMs, oldValueSeenRefusedForMs: proof.trial.forMs },
    outputs: {
      uid: target.uid,
      restarted: restarted.workloads,
      notRestarted: restarted.left.slice(0, mostListed).map(({ object, why }) => `${object} (${why})`),
      oldValueRefused: proof?.trial?.refused === true,
    },
    artefacts,
    unavailable: [
      ...unavailable,
      ...(input.check === undefined || proof?.why === undefined
        ? []
        : [{ what: 'a trial of the old value', why: proof.why }]),
      ...leftUnavailable(restarted.left),
    ],
  });
}

async function restart(
  context: ActionContext,
  cluster: Cluster,
  mandate: Mandate<RotateInput>,
): Promise<Restarted> {
  const { input, authority } = mandate;
  if (!input.restart) return { changes: [], already: 0, left: [], workloads: 0 };
  const users = usersOf(input);
  const cap = authority.caps['workloads'] ?? 0;
  const done = await restartUsers(context, cluster, mandate, { ...users, cap, waveMs: WAVE_MS });
  if (input.check !== undefined) {
    // The endpoint may be one of them.
    const { restarted } = await restartedBy(cluster, restartMark(mandate), users, context.signal);
    await awaitRollouts(context, cluster, restarted, WAVE_MS);
  }
  return done;
}

async function oldValue(
  context: ActionContext,
  { check, key }: RotateInput,
  current: KubernetesSecret,
): Promise<Old> {
  if (check === undefined) return { why: 'no check is given' };
  const value = valueOf(current, key);
  if (value === undefined) return { why: 'the old value is empty or no text' };
  const { say, detail } = await tryValue(check, value, context.signal);
  return say === 'accepted' ? { value } : { why: `the old value was not accepted before: ${detail}` };
}

/** Tries the old value, and keeps what was measured: nobody can measure it again. */
async function prove(
  context: ActionContext,
  mandate: Mandate<RotateInput>,
  { metadata }: KubernetesSecret,
  old: Old,
): Promise<Pick<Applied, 'artefacts' | 'unavailable'>> {
  const { check } = mandate.input;
  const { resourceVersion = '' } = metadata;
  const proof: Proof = { v: 1, mark: markOf(mandate), resourceVersion };
  if ('why' in old || check === undefined) proof.why = 'why' in old ? old.why : 'no check is given';
  else proof.trial = await awaitRefused(context, check, old.value);
  try {
    const kept = await keepProof(context, mandate, proof);
    await context.checkpoint('kept the proof');
    return { artefacts: [kept], unavailable: [] };
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    return { artefacts: [], unavailable: [{ what: 'the proof', why: error.message }] };
  }
}
