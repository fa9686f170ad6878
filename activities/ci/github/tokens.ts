import { z } from 'zod';
import { sha256, type Digest } from '../../../domain/json.ts';
import { Secret, type SecretStores } from '../../../domain/secret.ts';
import { isServiceError } from '../../service/errors.ts';
import type { GitHub } from './client.ts';
import { notUsable } from './failures.ts';

/**
 * Told apart by prefix (github.blog/engineering/behind-githubs-new-authentication-token-formats): personal (classic and fine-grained), OAuth App, user of a
 * GitHub App, installation, refresh.
 */
const formats = {
  ghp: /^ghp_[A-Za-z0-9]{20,255}$/,
  github_pat: /^github_pat_[A-Za-z0-9_]{20,255}$/,
  gho: /^gho_[A-Za-z0-9]{20,255}$/,
  ghu: /^ghu_[A-Za-z0-9]{20,255}$/,
  // May be a signed token of its own: longer, and with dots.
  ghs: /^ghs_[A-Za-z0-9._-]{20,4000}$/,
  ghr: /^ghr_[A-Za-z0-9]{20,255}$/,
} as const;
export type TokenKind = keyof typeof formats;

export const kindNames: { [K in TokenKind]: string } = {
  ghp: 'personal access token (classic)',
  github_pat: 'fine-grained personal access token',
  gho: 'OAuth App access token',
  ghu: 'user access token of a GitHub App',
  ghs: 'installation access token of a GitHub App',
  ghr: 'refresh token of a GitHub App',
};

export interface LeakedToken {
  value: Secret;
  kind: TokenKind;
  /** SHA-256 of the token: it has 160 random bits or more, so a hash gives nothing to guess. */
  digest: Digest;
}

/** @throws FirebreakError FB3513 when there is none, or it is no token of GitHub's */
export async function readToken(
  stores: SecretStores,
  name: string,
  call: { signal: AbortSignal; incident: string },
): Promise<LeakedToken> {
  const { store, path } = stores(name);
  const found = await store.read(path, call);
  if (found === undefined)
    throw notUsable(name, 'is not there: store the leaked token under this name first');
  // What people paste ends with a line break.
  const text = found.value.reveal().trim();
  for (const kind of kinds)
    if (formats[kind].test(text)) return { value: new Secret(text), kind, digest: sha256(text) };
  throw notUsable(
    name,
    `holds no token of GitHub's: those begin with ${kinds.map((kind) => `${kind}_`).join(', ')}`,
  );
}

const kinds: readonly TokenKind[] = ['ghp', 'github_pat', 'gho', 'ghu', 'ghs', 'ghr'];

/** What GitHub does with a token: lets it in, refuses it, or cannot be asked. */
export type Standing =
  { is: 'let in'; owner: string | undefined } | { is: 'refused' } | { is: 'unclear'; why: string };

const user = z.object({ login: z.string() });
const installation = z.object({ repositories: z.array(z.object({ full_name: z.string() })) });

/**
 * Asks GitHub as the holder of the token, by a call that reads only. 401 is the one answer that proves a token dead: 403 says that GitHub knows it and
 * does not let it do this. A refresh token cannot be asked about: using it would make new tokens.
 */
export async function standingOf(
  github: GitHub,
  { kind, value }: LeakedToken,
  signal: AbortSignal,
): Promise<Standing> {
  if (kind === 'ghr') return { is: 'unclear', why: 'a refresh token can only be tried by using it' };
  const as = { token: value };
  try {
    if (kind === 'ghs') {
      const { data } = await github.call(installation, {
        route: 'GET /installation/repositories',
        parameters: { per_page: 1 },
        operation: 'try the token',
        signal,
        as,
      });
      const account = data.repositories[0]?.full_name.split('/')[0];
      return { is: 'let in', owner: account === undefined ? undefined : `installation/${account}` };
    }
    const { data } = await github.call(user, { route: 'GET /user', operation: 'try the token', signal, as });
    return { is: 'let in', owner: `user/${data.login}` };
  } catch (error) {
    // A proxy on the way may answer 401 too.
    if (isServiceError(error, 'unauthenticated') && /bad credentials/i.test(error.message))
      return { is: 'refused' };
    if (isServiceError(error, 'forbidden')) return { is: 'let in', owner: undefined };
    if (isServiceError(error)) return { is: 'unclear', why: error.message };
    throw error;
  }
}
