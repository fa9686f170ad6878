import type { FileHandle } from 'node:fs/promises';
import type { z } from 'zod';

/** A complete line of a file, without its newline. */
export interface Line {
  /** From 1. */
  number: number;
  text: string;
}

/** The complete lines of a file, and what follows the last newline: a write that a crash cut short, or one under way. */
export function splitLines(bytes: Buffer): { lines: Line[]; torn: Buffer } {
  const end = bytes.lastIndexOf(0x0a) + 1;
  const text = bytes.subarray(0, end).toString('utf8');
  const lines = text.split('\n').slice(0, -1);
  return {
    lines: lines.map((line, index) => ({ number: index + 1, text: line })),
    torn: bytes.subarray(end),
  };
}

/** A line's value; undefined when it is not JSON of that shape. */
export function parseLine<T>(text: string, shape: z.ZodType<T>): T | undefined {
  try {
    return shape.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON: the caller, who knows the file and the line, says so.
    return undefined;
  }
}

/** Writes all of `bytes` at the end of a file opened for appending, in one call where the disk allows, and syncs. */
export async function appendDurably(handle: FileHandle, bytes: Buffer): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await handle.write(bytes, written)).bytesWritten;
  }
  await handle.datasync();
}
