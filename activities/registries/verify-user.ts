import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Claim, Mandate, Verification } from '../../domain/action.ts';
import { worst } from '../../domain/action.ts';
import type { SecretStores } from '../../domain/secret.ts';
import { baseOf } from '../service/base.ts';
import { loginTo } from './login.ts';
import type { BasicAuthConfig } from './registries.ts';

const pollMs = 500;
/** A mounted Secret reaches its container within a minute or two. */
export const propagationMs = 150_000;

interface Tried {
  accepted: boolean;
  /** undefined: the old password is not known. */
  oldWorks: boolean | undefined;
}

/** Logs in with what is stored and with what it replaced, until the registry has the new file; says how long that took. */
export async function verifyUser(
  context: ActionContext,
  registry: BasicAuthConfig,
  secrets: SecretStores,
  mandate: Mandate<{ user: string; secret: string }>,
): Promise<Verification> {
  const { input: asked, incident } = mandate;
  const { store, path } = secrets(asked.secret);
  const call = { signal: context.signal, incident };
  const [base, stored, previous] = await Promise.all([
    baseOf(context, mandate),
    store.read(path, call),
    store.previous(path, call),
  ]);
  const old = base['holds'] === 'it' ? previous : undefined;
  const login = loginTo(registry, context.signal);
  const tryBoth = async (): Promise<Tried> => ({
    accepted: stored !== undefined && (await login.tried(asked.user, stored.value)),
    oldWorks: old === undefined ? undefined : await login.tried(asked.user, old),
  });
  try {
    const began = performance.now();
    if (await login.tried(undefined, undefined)) return openToAll(asked.user);
    let last = await tryBoth();
    while ((!last.accepted || last.oldWorks === true) && performance.now() - began < propagationMs) {
      await context.checkpoint(`await ${registry.name}`);
      await sleep(pollMs, undefined, { signal: context.signal });
      last = await tryBoth();
    }
    return judged(asked, last, `after ${Math.round(performance.now() - began)} ms`);
  } finally {
    await login.close();
  }
}

function openToAll(user: string): Verification {
  const detail = 'the registry lets anybody in without a password';
  const claims: Claim[] = [
    { claim: `only the new password of ${user} is accepted`, verdict: 'failed', detail },
  ];
  return { state: 'partial', verdict: 'failed', claims };
}

function judged(
  { user, secret }: { user: string; secret: string },
  tried: Tried,
  after: string,
): Verification {
  const { accepted, oldWorks } = tried;
  const newClaim = `what is stored as ${secret} logs in as ${user}`;
  const oldClaim = `the old password of ${user} is refused`;
  const claims: Claim[] = [
    accepted
      ? { claim: newClaim, verdict: 'verified', detail: `the registry answers 200 ${after}` }
      : {
          claim: newClaim,
          verdict: 'failed',
          detail: `the registry still answers 401 ${after}: see that it gets the htpasswd file`,
        },
    oldWorks === undefined
      ? {
          claim: oldClaim,
          verdict: 'unverifiable',
          detail: 'it is not known, so it was not tried; the file has one line for each user',
        }
      : oldWorks
        ? { claim: oldClaim, verdict: 'failed', detail: `the registry still accepts it ${after}` }
        : { claim: oldClaim, verdict: 'verified', detail: `the registry answers 401 ${after}` },
  ];
  const state = accepted && oldWorks !== true ? 'in-place' : oldWorks === true ? 'absent' : 'partial';
  return { state, verdict: worst(claims), claims };
}
