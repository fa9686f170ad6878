import {
  worst,
  type ActionContext,
  type Claim,
  type Mandate,
  type Verification,
} from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { verifyRestarts } from '../restart/verify.ts';
import { contradictions, lacking, type ServiceAccount, type Snapshot } from './account.ts';
import { awaitAcceptance, mint } from './canary.ts';
import type { RevokeInput } from './contract.ts';
import { findProof, type Proof } from './proof.ts';
import { findAccount, mandatedAccount, usersOf, wantedAccount } from './target.ts';
import { listTokenSecrets } from './token-secrets.ts';

const ROLLOUT_MS = 240_000;

/**
 * Reads the account again, tries a new token, waits for the restarts. A token of the account that is gone cannot be had any more: what is said of old
 * ones is what `apply` measured while it held one.
 */
export async function verify(
  cluster: Cluster,
  context: ActionContext,
  mandate: Mandate<RevokeInput>,
): Promise<Verification> {
  const { input } = mandate;
  const { namespace, serviceAccount: name } = input;
  const { target, snapshot } = await mandatedAccount(context, mandate);
  const account = await findAccount(cluster, input, context.signal);
  if (account === undefined || account.metadata.uid === target.uid) {
    const claim: Claim = {
      claim: `ServiceAccount ${namespace}/${name} was made again`,
      verdict: 'failed',
      detail: account === undefined ? 'it does not exist' : 'it is still the one whose tokens were stolen',
    };
    return { state: account === undefined ? 'partial' : 'absent', verdict: 'failed', claims: [claim] };
  }
  const [proof, { wanted }, secrets] = await Promise.all([
    findProof(context, mandate, { namespace, name, uid: target.uid }),
    wantedAccount(cluster, snapshot, context.signal),
    listTokenSecrets(cluster, namespace, name, context.signal),
  ]);
  const intact = asItWas(account, wanted);
  const claims = [
    refusedClaim(target.uid, proof),
    intact,
    await newTokenClaim(context, cluster, account),
    ...tokenSecretClaims(snapshot, secrets),
    ...(input.restart
      ? await verifyRestarts(context, cluster, mandate, {
          ...usersOf(input, snapshot),
          what: 'new tokens',
          withinMs: ROLLOUT_MS,
        })
      : []),
  ];
  return {
    state: intact.verdict === 'verified' ? 'in-place' : 'partial',
    verdict: worst(claims),
    claims,
  };
}

function refusedClaim(previousUid: string, proof: Proof | undefined): Claim {
  const claim = `tokens of the account with UID ${previousUid} are refused by the API server`;
  const { canary } = proof ?? {};
  if (canary === undefined) {
    const why = proof?.why ?? 'no measurement was kept';
    return {
      claim,
      verdict: 'evaluated',
      detail: `no account has that UID any more, and the API server compares it; no old token was tried: ${why}`,
    };
  }
  const { jti, afterMs, forMs, asked } = canary;
  return canary.refused
    ? {
        claim,
        verdict: 'verified',
        detail: `token ${jti}, accepted before, was refused ${afterMs} ms after the account was gone, and at every question for ${forMs} ms more, past the cache of authentications (${asked} questions)`,
      }
    : {
        claim,
        verdict: 'failed',
        detail: `token ${jti} was still accepted ${afterMs} ms after the account was gone`,
      };
}

function asItWas(account: ServiceAccount, wanted: ServiceAccount): Claim {
  const differing = [...contradictions(account, wanted), ...lacking(account, wanted)];
  return {
    claim: 'the account has the labels, annotations, owners, pull secrets and settings that it had',
    verdict: differing.length === 0 ? 'verified' : 'failed',
    detail:
      differing.length === 0
        ? 'compared with the snapshot; owners that are gone were left out'
        : `differing: ${[...new Set(differing)].slice(0, 10).join(', ')}`,
  };
}

/** The token lives ten minutes and leaves with this function. */
async function newTokenClaim(
  context: ActionContext,
  cluster: Cluster,
  { metadata }: ServiceAccount,
): Promise<Claim> {
  const { namespace = '', name, uid } = metadata;
  const { token } = await mint(cluster, namespace, name, context.signal);
  const reviewed = await awaitAcceptance(context, cluster, token);
  const ours = reviewed.username === `system:serviceaccount:${namespace}:${name}` && reviewed.uid === uid;
  return {
    claim: `new tokens of ${namespace}/${name} are accepted`,
    verdict: reviewed.authenticated && ours ? 'verified' : 'failed',
    detail: reviewed.authenticated
      ? `one was, after ${reviewed.afterMs} ms, as ${reviewed.username} with UID ${reviewed.uid}`
      : `one was refused for ${reviewed.afterMs} ms: ${reviewed.error}`,
  };
}

function tokenSecretClaims(
  { tokenSecrets }: Snapshot,
  now: Awaited<ReturnType<typeof listTokenSecrets>>,
): Claim[] {
  if (tokenSecrets.length === 0) return [];
  const left = tokenSecrets.filter(({ uid }) => now.some((secret) => secret.uid === uid));
  return [
    {
      claim: `the ${tokenSecrets.length} token Secrets that the account had are gone`,
      verdict: left.length === 0 ? 'verified' : 'unverifiable',
      detail:
        left.length === 0
          ? 'listed by their UIDs'
          : `still there, though tokens in them name the account that is gone: ${left
              .map(({ name }) => name)
              .slice(0, 10)
              .join(', ')}`,
    },
  ];
}
