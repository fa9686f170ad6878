import { randomBytes } from 'node:crypto';
import type { ActionContext } from '../../domain/action.ts';
import { sha256 } from '../../domain/json.ts';
import { Secret, type SecretStore } from '../../domain/secret.ts';

/** Attempts that were each killed between intending a value and storing it. */
const MOST_LOST = 8;

/** 32 random bytes with what password rules ask for: upper and lower case, and a digit. 46 characters of base64url. */
function generated(): Secret {
  return new Secret(`${randomBytes(32).toString('base64url')}aA1`);
}

/**
 * Stores a generated value exactly once in a step, whatever is killed when: whoever runs the step again gets the value that is stored already. Digests
 * of values are kept durably: 256 random bits leave nothing to guess.
 * @returns undefined when somebody else wrote to the secret since; it was left alone then
 */
export async function placeGenerated(
  context: ActionContext,
  incident: string,
  { store, path }: { store: SecretStore; path: string },
  make: () => Secret = generated,
): Promise<{ value: Secret; already: boolean } | undefined> {
  const call = { signal: context.signal, incident };
  const stored = await store.read(path, call);
  const version = stored?.version ?? '';
  const found = stored === undefined ? '' : sha256(stored.value.reveal());
  let before: unknown;
  for (let attempt = 1; attempt <= MOST_LOST; attempt++) {
    const value = make();
    const intent = await context.intend(`generate ${store.name}/${path} ${attempt}`, {
      digest: sha256(value.reveal()),
      before: version,
    });
    before ??= intent.data['before'];
    if (!intent.first) {
      if (stored !== undefined && intent.data['digest'] === found)
        return { value: stored.value, already: true };
      continue;
    }
    if (before !== version) return undefined;
    await context.beforeWrite(`store ${store.name}/${path}`);
    await store.write(path, value, {
      ...call,
      ...(stored === undefined ? {} : { version: stored.version }),
      keepPrevious: true,
    });
    await context.checkpoint(`stored ${store.name}/${path}`);
    return { value, already: false };
  }
  return undefined;
}
