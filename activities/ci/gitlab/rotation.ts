import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Intent } from '../../../domain/action.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import type { Secret, SecretStore } from '../../../domain/secret.ts';
import { isServiceError } from '../../service/errors.ts';
import type { AccessToken, GitLabApi, Owner } from './api.ts';
import { drift, valueLost } from './failures.ts';

/** GitLab ends a request after 60 s: one that was sent longer ago is carried out, or never will be. */
const SETTLED_MS = 65_000;
const POLL_MS = 1_000;
/** Sendings of one token's rotation that were each proven not to be carried out, and tokens whose values were lost one after the other. */
const MOST_SENDINGS = 6;
const MOST_LOST = 6;
const STORE_ATTEMPTS = 4;

export interface Rotation {
  api: GitLabApi;
  context: ActionContext;
  incident: string;
  owner: Owner;
  store: SecretStore;
  path: string;
  /** What messages call the secret. */
  secret: string;
}

export interface Rotated {
  /** The token whose value is stored. */
  token: AccessToken;
  /** The step had stored it before: nothing was done now. */
  already: boolean;
  /** Tokens whose values nobody received, each replaced by the next. */
  lost: number[];
}

/**
 * Rotates a token so that the secret holds a valid one at the end, whatever is killed or lost when. GitLab shows a new value once, in the answer, and a
 * second rotation of one token would revoke its successor: so each token's rotation is sent once, and an answer that is lost is made up for by rotating
 * the successor, whose value nobody has.
 */
export async function rotateAndStore(work: Rotation, token: AccessToken): Promise<Rotated> {
  const lost: number[] = [];
  for (let current = token; lost.length < MOST_LOST;) {
    const sent = await send(work, current);
    if (sent.kind === 'answered') {
      await keep(work, sent.made, sent.value, sent.version);
      return { token: sent.made, already: false, lost };
    }
    const successor = await successorOf(work, current, sent);
    if (successor.stored) return { token: successor.token, already: true, lost };
    lost.push(successor.token.id);
    current = successor.token;
  }
  throw valueLost(
    `token ${token.id}`,
    `${MOST_LOST} answers of GitLab were lost one after the other; the last replacement is active and nobody has its value: revoke it, and look at the connection`,
  );
}

type Sent =
  | { kind: 'answered'; made: AccessToken; value: Secret; version: string | undefined }
  /** `own`: by this attempt, so that nobody else can be about to store the value. */
  | { kind: 'done before'; first: Intent; last: Intent; own: boolean };

/** Sends the rotation of one token, or finds that it was carried out. */
async function send(
  { api, context, incident, owner, store, path }: Rotation,
  token: AccessToken,
): Promise<Sent> {
  const { id } = token;
  let first: Intent | undefined;
  let own = false;
  for (let sending = 1; sending <= MOST_SENDINGS; sending++) {
    const stored = await store.read(path, { signal: context.signal, incident });
    const relatives = await api.relatives(owner, token);
    const before = await mustExist(api, owner, id);
    const intent = await context.intend(`rotate token ${id} ${sending}`, {
      active: before.active,
      version: stored?.version ?? '',
      newest: Math.max(id, ...relatives.map((one) => one.id)),
    });
    first ??= intent;
    if (first.data['active'] !== true)
      throw drift(`token ${id}`, 'is revoked or has expired, and not by this step');
    if (!intent.first) {
      const active = await isStillActive(api, context, owner, id, intent);
      if (!active) return { kind: 'done before', first, last: intent, own };
      continue;
    }
    // It ended between two readings: sending now would revoke whatever replaced it.
    if (!before.active) throw drift(`token ${id}`, 'was revoked by somebody else');
    await context.beforeWrite(`rotate token ${id}`);
    try {
      const { made, value } = await api.rotate(owner, id, expiryLike(before, context.now()));
      // No boundary between the answer and the store: whatever ended the activity there would lose the value.
      return { kind: 'answered', made, value, version: stored?.version };
    } catch (error) {
      if (isServiceError(error, 'unknown-outcome')) {
        own = true;
        sending -= 1;
        continue;
      }
      // Busy, or not reached: nothing was done, so the next sending need not wait.
      if (isServiceError(error, 'retryable')) {
        await sleep(POLL_MS, undefined, { signal: context.signal });
        continue;
      }
      const after = await mustExist(api, owner, id);
      if (!after.active)
        throw drift(
          `token ${id}`,
          'was revoked by somebody else at the same moment; GitLab may have revoked its successors as well',
        );
      throw error;
    }
  }
  throw valueLost(
    `token ${id}`,
    `its rotation was sent ${MOST_SENDINGS} times, and GitLab carried out none: it is still active`,
  );
}

/** Waits until an earlier sending cannot be carried out any more, or was. */
async function isStillActive(
  api: GitLabApi,
  context: ActionContext,
  owner: Owner,
  id: number,
  intent: Intent,
): Promise<boolean> {
  for (;;) {
    if (!(await mustExist(api, owner, id)).active) return false;
    if (isSettled(context, intent)) return true;
    await context.checkpoint(`await rotation of token ${id}`);
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/**
 * What became of a rotation that was carried out: the one token that has come since, and whether the secret holds it. Another worker that was taken for dead
 * may still be about to store it: rotating it then would kill the value that is stored a moment later.
 */
async function successorOf(
  work: Rotation,
  token: AccessToken,
  { first, last, own }: Extract<Sent, { kind: 'done before' }>,
): Promise<{ token: AccessToken; stored: boolean }> {
  const { api, context, incident, owner, store, path, secret } = work;
  for (;;) {
    const [relatives, stored] = await Promise.all([
      api.relatives(owner, token),
      store.read(path, { signal: context.signal, incident }),
    ]);
    const since = relatives.filter(({ id }) => id > Number(first.data['newest']));
    // Only what was written after the intent can be a token of this step: no other value is shown to GitLab.
    const written = stored !== undefined && stored.version !== first.data['version'];
    const holder = written ? await api.self(stored.value) : undefined;
    const held = since.find(({ id }) => id === holder?.id);
    if (held !== undefined) return { token: held, stored: true };
    if (written)
      throw drift(`secret ${secret}`, `was written by somebody else while token ${token.id} was rotated`);
    if (own || isSettled(context, last)) return { token: theOne(since, token, secret), stored: false };
    await context.checkpoint(`await the value that replaces token ${token.id}`);
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/** The one successor. @throws FB3533 when there is none, Drift when it cannot be told from others */
function theOne([only, ...more]: readonly AccessToken[], token: AccessToken, secret: string): AccessToken {
  if (only === undefined)
    throw valueLost(
      `token ${token.id}`,
      `it was rotated, its replacement is revoked by now, and its value never arrived: create a new token by hand and store it as ${secret}`,
    );
  if (more.length > 0)
    throw drift(
      `token ${token.id}`,
      `was rotated, and its replacement cannot be told from others that were made since (${[only, ...more].map(({ id }) => id).join(', ')}): revoke those that nobody knows, and store a new one as ${secret}`,
    );
  return only;
}

function isSettled(context: ActionContext, { at }: Intent): boolean {
  return context.now().getTime() - Date.parse(at) > SETTLED_MS;
}

/** Stores what was received. Tried hard: nobody else has it. */
async function keep(
  { context, incident, store, path, secret }: Rotation,
  made: AccessToken,
  value: Secret,
  version: string | undefined,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await store.write(path, value, {
        signal: context.signal,
        incident,
        ...(version === undefined ? {} : { version }),
        keepPrevious: true,
      });
      break;
    } catch (error) {
      if (error instanceof FirebreakError && error.code === 'FB3402')
        throw valueLost(
          `token ${made.id}`,
          `somebody else wrote secret ${secret} meanwhile, so that this replacement is active and its value is kept nowhere: revoke it, then plan again`,
        );
      if (attempt >= STORE_ATTEMPTS || context.signal.aborted || error instanceof FirebreakError) throw error;
      await sleep(200 * 2 ** attempt, undefined, { signal: context.signal });
    }
  }
  await context.checkpoint(`stored ${secret}`);
}

/** The new one lives as long as the old one was made to live; GitLab's own default is a week. */
function expiryLike(
  { created_at: created, expires_at: expires }: AccessToken,
  now: Date,
): string | undefined {
  if (expires === null) return undefined;
  const dayMs = 86_400_000;
  const days = Math.round((Date.parse(expires) - Date.parse(created.slice(0, 10))) / dayMs);
  return new Date(now.getTime() + Math.max(1, days) * dayMs).toISOString().slice(0, 10);
}

async function mustExist(api: GitLabApi, owner: Owner, id: number): Promise<AccessToken> {
  const token = await api.token(owner, id);
  if (token === undefined) throw drift(`token ${id}`, 'is gone');
  return token;
}
