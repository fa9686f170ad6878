import { createReadStream } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { FirebreakError, systemCode } from '../../../domain/errors.ts';
import { needleOf, readAuditLine, timeOf, type Wanted } from './audit-event.ts';
import { linesOf } from './lines.ts';
import type { Uses } from './use.ts';
import { isWithin, type Window } from './window.ts';

/** Bytes of one log that are read, rotated files included. */
const MAX_BYTES = 8 * 1024 * 1024 * 1024;

/** A file of a log; `file` names it to people. */
interface Part {
  file: string;
  handle: FileHandle;
  compressed: boolean;
  /** It is still written to: its last line may be on its way. */
  active: boolean;
}

/**
 * What an API server's audit log (audit.k8s.io/v1, JSON lines) has of a user or a credential: the file, and beside it the ones that the API server has
 * rotated, `audit-2026-01-02T03-04-05.678.log`, compressed or not. The newest are read first.
 * @throws FirebreakError FB3703 when the file cannot be read
 */
export async function findInAuditLog(
  path: string,
  wanted: Wanted,
  window: Window,
  { uses, signal, maxBytes = MAX_BYTES }: { uses: Uses; signal: AbortSignal; maxBytes?: number },
): Promise<void> {
  const what = `audit log ${basename(path)}`;
  const parts = await openParts(path, window, uses);
  const needle = Buffer.from(needleOf(wanted));
  let left = maxBytes;
  let unreadable = 0;
  let begins: Date | undefined;
  try {
    for (const { file, handle, compressed, active } of parts) {
      if (left <= 0) break;
      let first: Date | undefined;
      try {
        for await (const line of linesOf(streamOf(handle, compressed, signal))) {
          if (left <= 0) break;
          left -= line.size;
          if (line.bytes === undefined) unreadable += 1;
          else if (line.cut && active) continue;
          else {
            first ??= timeOf(line.bytes.toString('utf8'));
            if (!isWhole(line.bytes)) unreadable += 1;
            else if (line.bytes.includes(needle)) {
              const use = readAuditLine(line.bytes.toString('utf8'), wanted);
              if (use === 'unreadable') unreadable += 1;
              else if (use !== 'other' && isWithin(window, new Date(use.at))) uses.add(use);
            }
          }
        }
      } catch (error) {
        if (signal.aborted) throw error;
        uses.miss(what, `${file} breaks off (${systemCode(error)})`);
      }
      begins = first ?? begins;
    }
  } finally {
    await Promise.all(parts.map(({ handle }) => handle.close()));
  }
  if (left <= 0) uses.miss(what, `no more than ${maxBytes} bytes of it were read, the newest files first`);
  if (unreadable > 0) uses.miss(what, `${unreadable} lines could not be read`);
  if (begins === undefined) uses.miss(what, 'it holds no event: see that the API server writes it');
  else if (begins > window.since) uses.miss(what, `it begins at ${begins.toISOString()}`);
}

/** The newest first; each is open, so that a rotation in the meantime takes nothing away. */
async function openParts(path: string, { since }: Window, uses: Uses): Promise<Part[]> {
  let handle: FileHandle;
  try {
    handle = await openSoon(path);
  } catch (error) {
    throw new FirebreakError(
      'FB3703',
      `the audit log ${path} cannot be read (${systemCode(error)}): correct auditLog of the cluster, or its rights`,
      {},
      error,
    );
  }
  const parts: Part[] = [{ file: basename(path), handle, compressed: false, active: true }];
  const seen = new Set([await identityOf(handle)]);
  const rotated = (await readdir(dirname(path)))
    .flatMap((file) => {
      const at = rotatedAt(file, path);
      return at === undefined ? [] : [{ file, at }];
    })
    .toSorted((a, b) => b.at.getTime() - a.at.getTime());
  for (const [index, { file, at }] of rotated.entries()) {
    // It holds nothing newer than its name says. The newest of these is opened all the same: it tells that the log goes back so far.
    const isNeeded = at >= since || (index > 0 ? (rotated[index - 1]?.at ?? at) >= since : true);
    if (!isNeeded) break;
    try {
      const opened = await open(join(dirname(path), file), 'r');
      if (seen.has(await identityOf(opened))) {
        await opened.close();
        continue;
      }
      parts.push({ file, handle: opened, compressed: file.endsWith('.gz'), active: false });
    } catch (error) {
      uses.miss(`audit log ${file}`, `it cannot be read (${systemCode(error)})`);
    }
  }
  return parts;
}

/** While it is rotated there is none for a moment. */
async function openSoon(path: string): Promise<FileHandle> {
  for (let tries = 1; ; tries++) {
    try {
      return await open(path, 'r');
    } catch (error) {
      if (tries === 3 || systemCode(error) !== 'ENOENT') throw error;
      await sleep(50);
    }
  }
}

/** When the API server put a file aside, by its name; undefined for a file that is none of this log's. Its clock is UTC. */
export function rotatedAt(file: string, path: string): Date | undefined {
  const extension = extname(path);
  const stem = `${basename(path, extension)}-`;
  const plain = file.endsWith('.gz') ? file.slice(0, -'.gz'.length) : file;
  if (!plain.startsWith(stem) || !plain.endsWith(extension)) return undefined;
  const stamp = plain.slice(stem.length, plain.length - extension.length);
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(stamp);
  if (found === null) return undefined;
  const at = new Date(`${found[1]}T${found[2]}:${found[3]}:${found[4]}Z`);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

function streamOf(handle: FileHandle, compressed: boolean, signal: AbortSignal): Readable {
  const source = createReadStream('', {
    fd: handle,
    autoClose: false,
    start: 0,
    highWaterMark: 1024 * 1024,
    signal,
  });
  if (!compressed) return source;
  const plain = createGunzip();
  source.once('error', (error) => plain.destroy(error));
  return source.pipe(plain);
}

async function identityOf(handle: FileHandle): Promise<string> {
  const { dev, ino } = await handle.stat();
  return `${dev}/${ino}`;
}

/** Whether it begins and ends as an event does: one that a crash cut off does not. */
function isWhole(line: Buffer): boolean {
  return line[0] === 0x7b && line.at(-1) === 0x7d;
}
