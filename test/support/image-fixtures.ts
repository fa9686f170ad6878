import { readFile } from 'node:fs/promises';
import type { Found } from '../../activities/images/signatures/found.ts';
import { type Digest } from '../../domain/json.ts';

/** Bytes in base64. */
type Stored<T> = { [Key in keyof T]: T[Key] extends Uint8Array ? string : T[Key] };
type StoredFound = Found extends infer One ? (One extends Found ? Stored<One> : never) : never;

/** What cosign itself signed: `test/support/make-image-fixtures.ts` makes it anew. */
export interface ImageFixtures {
  cosign: string;
  /** Public keys in PEM, by kind. */
  keys: Record<string, string>;
  /** By what was done to the image. */
  images: Record<string, { digest: Digest; found: Found[] }>;
}

const file = new URL('../unit/images/cosign.json', import.meta.url);

export function stored(found: Found): StoredFound {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  switch (found.way) {
    case 'simple-signing':
      return { ...found, payload: base64(found.payload) };
    case 'envelope':
      return { ...found, envelope: base64(found.envelope) };
    case 'bundle':
      return { ...found, bundle: base64(found.bundle) };
  }
}

export async function readImageFixtures(): Promise<ImageFixtures> {
  const text = await readFile(file, 'utf8');
  const revived: ImageFixtures = JSON.parse(text, (key, value: unknown) =>
    typeof value === 'string' && ['payload', 'envelope', 'bundle'].includes(key)
      ? Buffer.from(value, 'base64')
      : value,
  );
  return revived;
}
