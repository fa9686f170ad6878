import {
  worst,
  type ActionContext,
  type Claim,
  type Mandate,
  type Verification,
} from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { verifyRestarts } from '../restart/verify.ts';
import type { RotateInput } from './contract.ts';
import { findProof, type Proof } from './proof.ts';
import {
  findSecret,
  isRotated,
  labelOf,
  mandatedSecret,
  markOf,
  usersOf,
  type KubernetesSecret,
} from './target.ts';
import { tryValue } from './trial.ts';
import { valueOf } from './write.ts';

const ROLLOUT_MS = 240_000;

/**
 * Reads the Secret again, tries the new value, waits for the restarts. The old value is not kept: what is said of it is what `apply` measured while it
 * held it.
 */
export async function verify(
  cluster: Cluster,
  context: ActionContext,
  mandate: Mandate<RotateInput>,
): Promise<Verification> {
  const { input } = mandate;
  const { target } = await mandatedSecret(context, mandate);
  const [secret, proof] = await Promise.all([
    findSecret(cluster, input, context.signal),
    findProof(context, mandate),
  ]);
  if (secret?.metadata.uid !== target.uid || !isRotated(secret, markOf(mandate))) {
    const claim: Claim = {
      claim: `${labelOf(input)} holds the new value`,
      verdict: 'failed',
      detail: secret === undefined ? 'it does not exist' : 'it does not bear the mark of this rotation',
    };
    return { state: 'absent', verdict: 'failed', claims: [claim] };
  }
  const claims = [
    writtenClaim(input, secret, proof),
    ...(input.restart
      ? await verifyRestarts(context, cluster, mandate, {
          ...usersOf(input),
          what: 'the new value',
          withinMs: ROLLOUT_MS,
        })
      : []),
    ...(await checkClaims(context, input, secret, proof)),
  ];
  return { state: 'in-place', verdict: worst(claims), claims };
}

function writtenClaim(input: RotateInput, { metadata }: KubernetesSecret, proof: Proof | undefined): Claim {
  const claim = `${labelOf(input)} holds the new value under ${input.key}`;
  return metadata.resourceVersion === proof?.resourceVersion
    ? { claim, verdict: 'verified', detail: 'nothing of it was written since' }
    : {
        claim,
        verdict: 'evaluated',
        detail:
          'it bears the mark of this rotation, and was written since: whether the value was is not known',
      };
}

async function checkClaims(
  context: ActionContext,
  { check, key }: RotateInput,
  secret: KubernetesSecret,
  proof: Proof | undefined,
): Promise<Claim[]> {
  if (check === undefined)
    return [{ claim: 'the old value is refused', verdict: 'unverifiable', detail: 'no check is given' }];
  const value = valueOf(secret, key);
  const now = value === undefined ? undefined : await tryValue(check, value, context.signal);
  return [
    oldClaim(check.url, proof),
    {
      claim: `the new value is accepted at ${check.url}`,
      verdict: now?.say === 'accepted' ? 'verified' : now?.say === 'refused' ? 'failed' : 'unverifiable',
      detail: now?.detail ?? 'it is no text',
    },
  ];
}

function oldClaim(url: string, proof: Proof | undefined): Claim {
  const claim = `the old value is refused at ${url}`;
  const { trial } = proof ?? {};
  if (trial === undefined)
    return { claim, verdict: 'unverifiable', detail: proof?.why ?? 'no measurement was kept' };
  const { refused, afterMs, forMs, asked, say, detail } = trial;
  if (refused)
    return {
      claim,
      verdict: 'verified',
      detail: `accepted before; refused from ${afterMs} ms after the restarts on, and at every question for ${forMs} ms more (${asked} questions)`,
    };
  return {
    claim,
    verdict: say === 'accepted' ? 'failed' : 'unverifiable',
    detail: `not refused within ${afterMs} ms: ${detail}`,
  };
}
