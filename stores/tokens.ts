import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { FirebreakError } from '../domain/errors.ts';
import { canonical } from '../domain/json.ts';
import { openFolder } from './durable.ts';
import { parseLine } from './json-lines.ts';

const tokenScopes = ['alerts', 'decide', 'read', 'registry-events'] as const;

const request = z.strictObject({
  /** Person id: who answers for what the token does. */
  owner: z.string().min(1).max(200),
  scopes: z.array(z.enum(tokenScopes)).min(1),
  /** Alerts that come with it are about this cluster, whatever they say. */
  cluster: z.string().min(1).max(200).exactOptional(),
  /** Registry events that come with it are of this registry, or refused. */
  registry: z.string().min(1).max(200).exactOptional(),
  /** RFC 3339 UTC. */
  expiresAt: z.iso.datetime().exactOptional(),
  label: z.string().max(200),
});

const shape = request.extend({
  v: z.literal(1),
  id: z.string(),
  createdAt: z.iso.datetime(),
  /** SHA-256 of the secret, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

export type TokenRequest = z.infer<typeof request>;
/** What is known of a token; never its secret, nor its hash. */
export type TokenRecord = TokenRequest & { id: string; createdAt: string };

export interface Tokens {
  /**
   * @returns the secret, which is shown this once and stored nowhere.
   * @throws FirebreakError FB6210 when a field of the request is wrong.
   */
  create(request: TokenRequest): Promise<{ id: string; secret: string }>;
  /** The token, when it is genuine, not expired and not revoked. Reads the disk each time: a revocation works at once, everywhere. */
  verify(presented: string): Promise<TokenRecord | undefined>;
  list(): Promise<(TokenRecord & { revoked?: { by: string; at: string } })[]>;
  /** Ends a token for good; revoking it again changes nothing. @throws FirebreakError FB6211 when there is no such token. */
  revoke(id: string, by: string): Promise<void>;
}

const revocation = z.strictObject({ v: z.literal(1), by: z.string(), at: z.iso.datetime() });

/**
 * Bearer tokens, a file each, as SHA-256 of the secret. A secret is 256 random bits, so a fast hash is right: there is nothing to guess, which is
 * what a slow one would guard.
 * @throws FirebreakError FB6212 when a stored token or revocation is damaged.
 */
export async function openTokens(dir: string, now: () => Date = () => new Date()): Promise<Tokens> {
  const folder = await openFolder(dir);

  async function load(id: string) {
    const bytes = await folder.read([`${id}.token`]);
    if (bytes === undefined) return undefined;
    const found = parseLine(bytes.toString('utf8'), shape);
    if (found?.id !== id) {
      throw new FirebreakError(
        'FB6212',
        `the stored token ${id} is damaged: remove its file and create another`,
      );
    }
    return found;
  }

  async function revokedBy(id: string): Promise<{ by: string; at: string } | undefined> {
    const bytes = await folder.read([`${id}.revoked`]);
    if (bytes === undefined) return undefined;
    // Damaged or not, it is there: the token is revoked.
    const found = parseLine(bytes.toString('utf8'), revocation);
    return found === undefined ? { by: 'unknown', at: 'unknown' } : { by: found.by, at: found.at };
  }

  return {
    async create(wanted) {
      const parsed = request.safeParse(wanted);
      if (!parsed.success) {
        throw new FirebreakError('FB6210', `the token cannot be created: ${z.prettifyError(parsed.error)}`);
      }
      const id = randomBytes(8).toString('hex');
      const secret = `fbt_${id}_${randomBytes(32).toString('base64url')}`;
      const hash = hashOf(secret).toString('hex');
      const token = { ...parsed.data, v: 1, id, createdAt: now().toISOString(), hash };
      if ((await folder.put([`${id}.token`], canonical(token))) !== 'created') {
        throw new FirebreakError('FB6210', 'the token cannot be created: its id is taken, try again');
      }
      return { id, secret };
    },
    async verify(presented) {
      const id = /^fbt_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/.exec(presented)?.[1];
      if (id === undefined) return undefined;
      const token = await load(id);
      if (token === undefined) return undefined;
      if (!timingSafeEqual(hashOf(presented), Buffer.from(token.hash, 'hex'))) return undefined;
      if ((await revokedBy(id)) !== undefined) return undefined;
      if (token.expiresAt !== undefined && Date.parse(token.expiresAt) <= now().getTime()) return undefined;
      return withoutHash(token);
    },
    async list() {
      const ids = (await folder.list())
        .filter((name) => name.endsWith('.token'))
        .map((name) => name.slice(0, -6));
      const tokens: (TokenRecord & { revoked?: { by: string; at: string } })[] = [];
      for (const id of ids) {
        const token = await load(id);
        const revoked = await revokedBy(id);
        if (token !== undefined)
          tokens.push({ ...withoutHash(token), ...(revoked === undefined ? {} : { revoked }) });
      }
      return tokens.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
    },
    async revoke(id, by) {
      if ((await folder.read([`${id}.token`])) === undefined) {
        throw new FirebreakError('FB6211', `there is no token ${id}: list them to see their ids`);
      }
      await folder.put([`${id}.revoked`], canonical({ v: 1, by, at: now().toISOString() }));
    },
  };
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function withoutHash({ v: _v, hash: _hash, ...token }: z.infer<typeof shape>): TokenRecord {
  return token;
}
