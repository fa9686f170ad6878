import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext } from '../../../domain/action.ts';
import { sha256, type Digest } from '../../../domain/json.ts';
import { Secret } from '../../../domain/secret.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { accountAt } from './account.ts';

/** The shortest life that the API server gives a token. */
const EXPIRATION_SECONDS = 600;
/** A successful authentication is kept for 10 s; a token of an account that waits on a finalizer is good for 60 s. */
const CACHE_MS = 10_000;
const FINALIZER_MS = 60_000;
const MARGIN_MS = 1_500;
const POLL_MS = 500;
/** How long a new token may take to be known to every API server. */
const KNOWN_WITHIN_MS = 10_000;

/** A token in memory only. Its hash and id may be kept: the signature in it leaves nothing to guess. */
export interface Canary {
  token: Secret;
  sha256: Digest;
  /** The token's own id, as audit logs name it (`JTI=…`). */
  jti: string;
}

export interface Reviewed {
  authenticated: boolean;
  username: string;
  uid: string;
  /** Why it is refused, as the server says. */
  error: string;
}

/** A new token of an account. It is a credential for ten minutes: it must never leave this process. */
export async function mint(
  cluster: Cluster,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Canary> {
  const { status } = await cluster.create<KubernetesObject & { status: { token: string } }>(
    { ...accountAt(namespace, name), subresource: 'token' },
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [], expirationSeconds: EXPIRATION_SECONDS },
    },
    { signal },
  );
  return { token: new Secret(status.token), sha256: sha256(status.token), jti: jtiOf(status.token) };
}

/** What the API server says to a token. */
export async function review(cluster: Cluster, token: Secret, signal: AbortSignal): Promise<Reviewed> {
  interface Review extends KubernetesObject {
    status?: { authenticated?: boolean; error?: string; user?: { username?: string; uid?: string } };
  }
  const { status = {} } = await cluster.create<Review>(
    resources.tokenReviews,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: token.reveal() } },
    { signal },
  );
  return {
    authenticated: status.authenticated === true,
    username: status.user?.username ?? '',
    uid: status.user?.uid ?? '',
    error: status.error ?? '',
  };
}

/**
 * Asks until a token has been refused at every question of a whole cache window, or until no cache and no finalizer could explain that it is not.
 * `sinceMs`: of `performance.now`, when its account was gone.
 */
export async function awaitRefusal(
  context: ActionContext,
  cluster: Cluster,
  token: Secret,
  sinceMs: number,
): Promise<{ refused: boolean; afterMs: number; forMs: number; asked: number }> {
  let firstRefused: number | undefined;
  for (let asked = 1; ; asked++) {
    const { authenticated } = await reviewSurely(context, cluster, token);
    const now = performance.now();
    firstRefused = authenticated ? undefined : (firstRefused ?? now);
    const afterMs = Math.round((firstRefused ?? now) - sinceMs);
    const forMs = firstRefused === undefined ? 0 : Math.round(now - firstRefused);
    // Another API server may hold an answer from just before the end.
    if (forMs >= CACHE_MS + MARGIN_MS) return { refused: true, afterMs, forMs, asked };
    if (firstRefused === undefined && now - sinceMs > FINALIZER_MS + CACHE_MS + MARGIN_MS)
      return { refused: false, afterMs, forMs, asked };
    await context.checkpoint('await refusal of the old token');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/** Whether a token becomes good: an API server may learn of a new account with a delay. */
export async function awaitAcceptance(
  context: ActionContext,
  cluster: Cluster,
  token: Secret,
): Promise<Reviewed & { afterMs: number }> {
  const began = performance.now();
  for (;;) {
    const reviewed = await review(cluster, token, context.signal);
    const afterMs = Math.round(performance.now() - began);
    if (reviewed.authenticated || afterMs > KNOWN_WITHIN_MS) return { ...reviewed, afterMs };
    await context.checkpoint('await acceptance of a new token');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/** A server that is busy or away must not cost the only copy of the token. The activity's own deadline ends it. */
async function reviewSurely(context: ActionContext, cluster: Cluster, token: Secret): Promise<Reviewed> {
  for (;;) {
    try {
      return await review(cluster, token, context.signal);
    } catch (error) {
      if (!isKubernetesError(error, 'retryable')) throw error;
      await context.checkpoint('await an API server that answers');
      await sleep(POLL_MS, undefined, { signal: context.signal });
    }
  }
}

function jtiOf(token: string): string {
  const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  return typeof payload === 'object' &&
    payload !== null &&
    'jti' in payload &&
    typeof payload.jti === 'string'
    ? payload.jti
    : '';
}
