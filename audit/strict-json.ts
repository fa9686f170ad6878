import { claimed } from './claimed.ts';
import { canonical, type Json } from '../domain/json.ts';

/** Deeper than anything Firebreak writes, and shallow enough for every recursive reader after us. */
const maxDepth = 100;

/**
 * Parses JSON that must be RFC 8785 canonical, so that one value has one text: no duplicate keys, no white space, no other number or escape.
 * @throws SyntaxError saying what is not as it should be.
 */
export function parseCanonical(text: string): Json {
  if (depth(text) > maxDepth) throw new SyntaxError(`nested deeper than ${maxDepth} levels`);
  const value = claimed<Json>(JSON.parse(text));
  let again: string;
  try {
    again = canonical(value);
  } catch (error) {
    throw new SyntaxError(
      `has no canonical form: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
  if (again !== text) {
    let at = 0;
    while (at < text.length && text[at] === again[at]) at++;
    throw new SyntaxError(
      `differs from its canonical form at character ${at}: a duplicate key, keys out of order, white space, or another spelling`,
    );
  }
  return value;
}

/** Decodes UTF-8 without forgiveness. @throws TypeError on an invalid sequence or a byte order mark. */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** The deepest nesting of a JSON text, found without recursion. */
function depth(text: string): number {
  let deepest = 0;
  let now = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 0x5c) at++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++now);
    else if (code === 0x7d || code === 0x5d) now--;
  }
  return deepest;
}
