import { claimed } from '../claimed.ts';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FirebreakError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/json.ts';
import { type Findings, quote } from '../findings.ts';
import { artefactDigest, limits, names } from './layout.ts';

/** One file as it was read, once: what is hashed is what is judged. */
export interface ReadFile {
  digest: Digest;
  size: number;
  /** Absent for an artefact: those are hashed as they stream by. */
  bytes?: Uint8Array;
}

/** A bundle's regular files by name, `evidence/<hex>` included. */
export type Files = Map<string, ReadFile>;

/**
 * Reads a bundle that anybody may have made: follows no link, opens no device, goes into no directory but `evidence`, and bounds what it
 * takes in. Whatever it will not read is a finding.
 * @throws FirebreakError FB5001 when there is no readable directory
 */
export async function readBundle(dir: string, findings: Findings): Promise<Files> {
  const files: Files = new Map();
  let total = 0;
  let seen = 0;

  const take = async (name: string): Promise<void> => {
    if (++seen > limits.files) {
      if (seen === limits.files + 1)
        findings.add('FB5106', name, '', `more than ${limits.files} files; the rest is not read`);
      return;
    }
    const file = await readOne(dir, name, limits.totalBytes - total, findings);
    if (file === undefined) return;
    total += file.size;
    files.set(name, file);
  };

  for (const name of await list(dir, '')) {
    if (name !== names.evidenceDir) {
      await take(name);
      continue;
    }
    const found = await lstat(join(dir, name));
    if (!found.isDirectory()) {
      findings.add('FB5104', name, '', `${name} is ${kindOf(found)}, not a directory`);
      continue;
    }
    for (const artefact of await list(dir, name)) await take(`${name}/${artefact}`);
  }
  return files;
}

async function list(dir: string, under: string): Promise<string[]> {
  try {
    return (await readdir(join(dir, under))).toSorted();
  } catch (error) {
    throw new FirebreakError(
      'FB5001',
      `${quote(dir)} is not a bundle that can be read: give the directory that \`audit export\` wrote (${codeOf(error)})`,
      {},
      error,
    );
  }
}

async function readOne(
  dir: string,
  name: string,
  room: number,
  findings: Findings,
): Promise<ReadFile | undefined> {
  const path = join(dir, name);
  let handle: FileHandle | undefined;
  try {
    const found = await lstat(path);
    if (!found.isFile()) {
      findings.add('FB5104', name, '', `${quote(name)} is ${kindOf(found)}`);
      return undefined;
    }
    // NOFOLLOW and NONBLOCK: what was a file a moment ago may be a link or a pipe now.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    const artefact = artefactDigest(name) !== undefined;
    const cap = Math.min(artefact ? limits.artefactBytes : limits.jsonBytes, room);
    if (size > cap) {
      findings.add('FB5106', name, '', `${quote(name)} has ${size} bytes, at most ${cap} are read`);
      return undefined;
    }
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    let length = 0;
    for await (const chunk of handle.createReadStream({ autoClose: false, end: cap })) {
      const bytes = claimed<Buffer>(chunk);
      length += bytes.length;
      hash.update(bytes);
      if (!artefact) kept.push(bytes);
    }
    const digest: Digest = `sha256:${hash.digest('hex')}`;
    return artefact ? { digest, size: length } : { digest, size: length, bytes: Buffer.concat(kept) };
  } catch (error) {
    findings.add('FB5104', name, '', `${quote(name)} cannot be read: ${codeOf(error)}`);
    return undefined;
  } finally {
    await handle?.close();
  }
}

function kindOf(found: Awaited<ReturnType<typeof lstat>>): string {
  if (found.isSymbolicLink()) return 'a symbolic link';
  if (found.isDirectory()) return 'a directory';
  if (found.isFile()) return 'a file';
  return 'a pipe, socket or device';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
