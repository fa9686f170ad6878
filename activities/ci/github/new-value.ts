import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import { Secret, type SecretStores } from '../../../domain/secret.ts';
import { changedMeanwhile } from '../../secrets/failures.ts';
import { placeGenerated } from '../../service/generated.ts';
import { notUsable } from './failures.ts';
import { secretInput } from './secret-input.ts';

/** The inputs that say where the new value comes from. Plain properties: only in those does the language let a secret's name be bound. */
export const newValue = {
  from: secretInput('Name of the secret that holds the new value; or `generate`').exactOptional(),
  generate: z
    .strictObject({
      bytes: z.int().min(16).max(256).default(32).describe('Random bytes; the value is their base64url'),
      keepIn: secretInput(
        'Name under which the generated value is kept. Without it nobody but GitHub has the value: the old one is out, and nothing replaces it',
      ).exactOptional(),
    })
    .describe('Make the new value')
    .exactOptional(),
};

/** Where a value comes from: exactly one of them. */
export type NewValue = { from: string } | { generate: { bytes: number; keepIn?: string } };

/** @throws RangeError when it is not exactly one: the input's own schema refuses that before */
export function newValueOf({ from, generate }: z.infer<z.ZodObject<typeof newValue>>): NewValue {
  if (from !== undefined && generate === undefined) return { from };
  if (generate !== undefined && from === undefined) return { generate };
  throw new RangeError('exactly one of `from` and `generate`');
}

/** In words: names only. */
export function wordsOfValue(value: NewValue): string {
  if ('from' in value) return `the value of the secret ${value.from}`;
  const { bytes, keepIn } = value.generate;
  return `${bytes} random bytes${keepIn === undefined ? ', which are kept nowhere else' : `, kept as the secret ${keepIn}`}`;
}

/**
 * The value to put. A generated one that is kept is in its store, once, before it is used.
 * @throws FirebreakError FB3402 when somebody else writes under that name meanwhile, FB3513 when there is nothing
 */
export async function valueOf(
  context: ActionContext,
  stores: SecretStores,
  wanted: NewValue,
  incident: string,
): Promise<Secret> {
  if ('from' in wanted) {
    const { store, path } = stores(wanted.from);
    const found = await store.read(path, { signal: context.signal, incident });
    if (found === undefined)
      throw notUsable(wanted.from, 'is not there: the new value must be stored before');
    return found.value;
  }
  const { bytes, keepIn } = wanted.generate;
  const make = () => new Secret(randomBytes(bytes).toString('base64url'));
  if (keepIn === undefined) return make();
  const { store, path } = stores(keepIn);
  const placed = await placeGenerated(context, incident, { store, path }, make);
  if (placed === undefined) throw changedMeanwhile(store.describe(path));
  return placed.value;
}
