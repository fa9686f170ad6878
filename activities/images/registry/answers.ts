import { z } from 'zod';
import { sha256, type Digest } from '../../../domain/json.ts';
import { isTag } from '../reference.ts';
import { RegistryError } from './errors.ts';
import type { HttpAnswer } from './http.ts';
import {
  MalformedError,
  parseDocument,
  parseManifest,
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
} from './manifest.ts';

interface Where {
  registry: string;
  operation: string;
}

/** @throws RegistryError FB3804 when the bytes have another digest */
export function prove(bytes: Uint8Array, digest: Digest, where: Where): void {
  const real = sha256(bytes);
  if (real === digest) return;
  const message = `what it serves as ${digest} has the digest ${real}`;
  throw new RegistryError(where, { class: 'lied', message });
}

/** @throws RegistryError FB3809 */
export function manifestIn(answer: HttpAnswer, where: Where): ImageManifest | ImageIndex {
  return orMalformed(where, () => parseManifest(answer.body, answer.headers['content-type'] ?? ''));
}

/** The descriptors of an index. @throws RegistryError FB3809 */
export function listIn(content: ImageManifest | ImageIndex, where: Where): Descriptor[] {
  if (content.kind === 'index') return content.manifests;
  throw new RegistryError(where, { class: 'malformed', message: 'it is an image instead of a list' });
}

/** Distribution says `null` where there is none. */
const tagList = z.object({ tags: z.array(z.string().refine(isTag, 'is no tag')).nullish() });

/** @throws RegistryError FB3809 */
export function tagsIn(answer: HttpAnswer, where: Where): string[] {
  return orMalformed(where, () => {
    const read = tagList.safeParse(parseDocument(answer.body));
    if (read.success) return read.data.tags ?? [];
    throw new MalformedError('it is no list of tags');
  });
}

function orMalformed<T>(where: Where, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new RegistryError(where, { class: 'malformed', message: error.message });
  }
}
