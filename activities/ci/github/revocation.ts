import { z } from 'zod';
import type { Secret } from '../../../domain/secret.ts';
import { isServiceError } from '../../service/errors.ts';
import type { GitHub, GitHubCall } from './client.ts';
import { noRevocation } from './failures.ts';
import type { LeakedToken } from './tokens.ts';

/**
 * How a token is revoked. `credentials`: handed in as exposed, which GitHub accepts from anybody and carries out later. `oauth`: by the OAuth App that it
 * was issued to, at once. `installation`: by itself, at once.
 */
export const ways = ['credentials', 'oauth', 'installation'] as const;
export type Way = (typeof ways)[number];

const hourly = 'docs.github.com/rest/credentials/revoke';

/** For people. */
export const wayWords: { [W in Way]: string } = {
  credentials: `handed in to GitHub as exposed, which carries it out later (${hourly})`,
  oauth: 'deleted by the configured OAuth App, at once',
  installation: 'deleted in its own name, at once',
};

/** Which way is right for a token. Only reads: asks the configured OAuth App whether the token is one of its own. */
export async function wayOf(github: GitHub, { kind, value }: LeakedToken, signal: AbortSignal): Promise<Way> {
  if (kind === 'ghs') return 'installation';
  const { oauth } = github.forge;
  if (oauth === undefined || (kind !== 'gho' && kind !== 'ghu')) return 'credentials';
  try {
    await github.call(z.unknown(), {
      route: 'POST /applications/{client_id}/token',
      parameters: { client_id: oauth.clientId, access_token: value.reveal() },
      operation: 'ask whether the token is of the configured OAuth App',
      signal,
      as: 'oauth-app',
      secrets: [value],
    });
    return 'oauth';
  } catch (error) {
    // 404: not of this App, or dead. 422: not in the form of its tokens.
    if (isServiceError(error, 'gone', 'refused')) return 'credentials';
    throw error;
  }
}

/**
 * Sends it. Twice is as once, so a retry is safe.
 * @returns how many more tokens this address may hand in within the hour, where GitHub says so
 */
export async function revoke(
  github: GitHub,
  { value }: LeakedToken,
  way: Way,
  signal: AbortSignal,
): Promise<number | undefined> {
  const common = { operation: 'revoke the token', signal, secrets: [value] };
  if (way === 'credentials') return handIn(github, value, common);
  try {
    if (way === 'installation')
      await github.call(z.unknown(), {
        ...common,
        route: 'DELETE /installation/token',
        as: { token: value },
      });
    else
      await github.call(z.unknown(), {
        ...common,
        route: 'DELETE /applications/{client_id}/token',
        parameters: { client_id: github.forge.oauth?.clientId ?? '', access_token: value.reveal() },
        as: 'oauth-app',
      });
  } catch (error) {
    // Dead already, perhaps by an attempt whose answer was lost. Whether it is gets proven by a call of its own.
    if (way === 'oauth' && isServiceError(error, 'gone')) return undefined;
    if (way === 'installation' && isServiceError(error, 'unauthenticated')) return undefined;
    throw error;
  }
  return undefined;
}

async function handIn(
  github: GitHub,
  value: Secret,
  common: Pick<GitHubCall, 'operation' | 'signal' | 'secrets'>,
): Promise<number | undefined> {
  try {
    const { left } = await github.call(z.unknown(), {
      ...common,
      route: 'POST /credentials/revoke',
      parameters: { credentials: [value.reveal()] },
      // Whoever says who they are is refused.
      as: 'nobody',
    });
    return left;
  } catch (error) {
    if (isServiceError(error, 'gone')) throw noRevocation(github.forge.name);
    throw error;
  }
}
