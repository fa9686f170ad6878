import type { Readable } from 'node:stream';

/** The headers of an answer by their lower-case names, several of one name as HTTP joins them. */
export function flatHeaders(headers: { [name: string]: string | string[] | undefined }): {
  [name: string]: string;
} {
  const result: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return result;
}

/** A whole body; undefined when it is longer than allowed. */
export async function readBody(body: Readable, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) {
      body.destroy();
      return undefined;
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
