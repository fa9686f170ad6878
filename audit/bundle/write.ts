import { claimed } from '../claimed.ts';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FirebreakError } from '../../domain/errors.ts';
import { canonical, sha256 } from '../../domain/json.ts';
import type { Signer } from '../../domain/signature.ts';
import { bundleFormat, names, type Manifest, type ManifestSeal } from './layout.ts';

/** A bundle being written: nothing bears its name until it is complete. */
export interface BundleWriter {
  add(name: string, bytes: Uint8Array | string): Promise<void>;
  /** Writes and signs the manifest, and gives the directory its name. */
  finish(incident: string, at: string, signer: Signer): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Begins a bundle in `outDir`, readable by its owner alone: evidence holds logs.
 * @throws FirebreakError FB5005 when the directory is there and not empty
 */
export async function writeBundle(outDir: string): Promise<BundleWriter> {
  const target = resolve(outDir);
  await refuseUsed(target);
  await mkdir(dirname(target), { recursive: true });
  const draft = `${target}.partial-${randomBytes(6).toString('hex')}`;
  await mkdir(join(draft, names.evidenceDir), { recursive: true, mode: 0o700 });
  const files: Manifest['files'] = [];
  const write = (name: string, bytes: Uint8Array | string) =>
    writeFile(join(draft, name), bytes, { mode: 0o600 });
  return {
    async add(name, bytes) {
      await write(name, bytes);
      const size = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
      files.push({ name, digest: sha256(bytes), size });
    },
    async finish(incident, at, signer) {
      const manifest: Manifest = {
        type: bundleFormat,
        incident,
        at,
        files: files.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
      };
      const text = jsonFile(manifest);
      const seal: ManifestSeal = { type: 'firebreak/manifest/v1', incident, manifest: sha256(text), at };
      await write(names.manifest, text);
      await write(names.manifestSignature, jsonFile(await signer.sign(seal)));
      // An empty directory of that name may be there.
      await rmdir(target).catch(ignoreAbsent);
      await rename(draft, target);
    },
    discard: () => rm(draft, { recursive: true, force: true }),
  };
}

/** The one form of JSON in a bundle: canonical, and a line feed. */
export function jsonFile(value: unknown): string {
  return `${canonical(value)}\n`;
}

async function refuseUsed(target: string): Promise<void> {
  const found = await readdir(target).catch(ignoreAbsent);
  if (found !== undefined && found.length > 0) {
    throw new FirebreakError('FB5005', `${target} is not empty: name a directory that does not exist yet`);
  }
}

function ignoreAbsent(error: unknown): undefined {
  const { code } = claimed<NodeJS.ErrnoException>(error);
  if (code === 'ENOENT') return undefined;
  if (code === 'ENOTDIR')
    throw new FirebreakError('FB5005', 'the output is a file: name a directory that does not exist yet');
  throw error;
}
