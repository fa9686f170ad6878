import { readFile } from 'node:fs/promises';
import type { Found } from '../../activities/images/signatures/found.ts';
import type { Digest } from '../../domain/json.ts';

/** What cosign itself signed: `test/support/make-image-fixtures.ts` makes it anew. */
export interface ImageFixtures {
  cosign: string;
  /** Public keys in PEM, by kind. */
  keys: Record<string, string>;
  /** By what was done to the image. */
  images: Record<string, { digest: Digest; found: Found }>;
}

const file = new URL('../unit/images/cosign.json', import.meta.url);

const inBase64 = new Set(['payload', 'envelope', 'bundle']);

export async function readImageFixtures(): Promise<ImageFixtures> {
  const text = await readFile(file, 'utf8');
  const revived: ImageFixtures = JSON.parse(text, (key, value: unknown) =>
    typeof value === 'string' && inBase64.has(key) ? Buffer.from(value, 'base64') : value,
  );
  return revived;
}
