import type { Readable } from 'node:stream';

/** Longest line that is looked at. Bytes. An API server's longest object is 1.5 MiB, and an event may hold two. */
const MAX_LINE = 4 * 1024 * 1024;

/** A line without its newline; `bytes` is absent when it is too long. */
export interface RawLine {
  bytes?: Buffer;
  /** Bytes of it, newline included. */
  size: number;
  /** The end of the file came before the newline. */
  cut: boolean;
}

/** The lines of a stream, however long they are, with bounded memory. Empty ones are left out. */
export async function* linesOf(stream: Readable, maxLine = MAX_LINE): AsyncGenerator<RawLine> {
  let held: Buffer[] = [];
  let size = 0;
  const end = (cut: boolean): RawLine | undefined => {
    const line: RawLine = size > maxLine ? { size, cut } : { bytes: Buffer.concat(held), size, cut };
    held = [];
    size = 0;
    return line.bytes?.length === 0 ? undefined : line;
  };
  const hold = (part: Buffer) => {
    size += part.length;
    if (size <= maxLine) held.push(part);
    else held = [];
  };
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    let from = 0;
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, from)) {
      hold(bytes.subarray(from, at));
      const line = end(false);
      if (line !== undefined) yield { ...line, size: line.size + 1 };
      from = at + 1;
    }
    if (from < bytes.length) hold(bytes.subarray(from));
  }
  if (size > 0) {
    const line = end(true);
    if (line !== undefined) yield line;
  }
}
