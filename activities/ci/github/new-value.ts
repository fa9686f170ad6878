import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import { Secret, type SecretStores } from '../../../domain/secret.ts';
import { notUsable } from './failures.ts';
import { secretInput } from './secret-input.ts';

/** Where the new value comes from: a secret that is kept, or a generator. */
export const newValue = z
  .union([
    z.strictObject({ from: secretInput('Name of the secret that holds the new value') }),
    z.strictObject({
      generate: z.strictObject({
        bytes: z.int().min(16).max(256).default(32).describe('Random bytes; the value is their base64url'),
        keepIn: secretInput(
          'Name under which the generated value is kept. Without it nobody but GitHub has the value: the old one is out, and nothing replaces it',
        ).exactOptional(),
      }),
    }),
  ])
  .describe('The new value: `from` a secret, or `generate`');
export type NewValue = z.infer<typeof newValue>;

/** In words: names only. */
export function wordsOfValue(value: NewValue): string {
  if ('from' in value) return `the value of the secret ${value.from}`;
  const { bytes, keepIn } = value.generate;
  return `${bytes} random bytes${keepIn === undefined ? ', which are kept nowhere else' : `, kept as the secret ${keepIn}`}`;
}

/**
 * The value to put. A generated one that is kept is in its store before it is used, and a worker that is killed in between finds it there.
 * @throws FirebreakError FB3402 when somebody else writes under that name meanwhile, FB3513 when there is nothing
 */
export async function valueOf(
  context: ActionContext,
  stores: SecretStores,
  wanted: NewValue,
  name: string,
): Promise<Secret> {
  const { signal } = context;
  if ('from' in wanted) {
    const { store, path } = stores(wanted.from);
    const found = await store.read(path, { signal });
    if (found === undefined)
      throw notUsable(wanted.from, 'is not there: the new value must be stored before');
    return found.value;
  }
  const { bytes, keepIn } = wanted.generate;
  const generated = new Secret(randomBytes(bytes).toString('base64url'));
  if (keepIn === undefined) return generated;
  const { store, path } = stores(keepIn);
  const kept = await store.read(path, { signal });
  // What was there before this step first generated: whatever else is there later is what it has kept.
  const { first, data } = await context.intend(`${name}: keep the value`, { version: kept?.version ?? null });
  if (!first && kept !== undefined && kept.version !== data['version']) return kept.value;
  await context.beforeWrite(`${name}: keep the value`);
  await store.write(path, generated, {
    signal,
    ...(kept === undefined ? {} : { version: kept.version }),
  });
  await context.checkpoint(`${name}: value kept`);
  return generated;
}
