import { Refusal } from './verified.ts';

/**
 * Reads bytes that are to be JSON, and such that all parsers read the same (I-JSON, RFC 7493): UTF-8 without a byte order mark, no name twice in an
 * object, whole characters, numbers that a double holds. Of two values under one name cosign could take one, and we the other.
 * @throws Refusal unreadable
 */
export function readJson(bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    throw new Refusal('unreadable', 'it is not JSON in UTF-8', error);
  }
  const fault = ambiguityIn(text);
  if (fault !== undefined) throw new Refusal('unreadable', `its JSON ${fault}`);
  return value;
}

const number = /-?[0-9][0-9.eE+-]*/y;

/** @param text is JSON: where things end needs no checks */
function ambiguityIn(text: string): string | undefined {
  /** Of each object and array around, the names so far. */
  const around: Set<string>[] = [];
  let last = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') {
      const end = endOfString(text, at);
      const written = text.slice(at, end);
      last = written.includes('\\') ? String(JSON.parse(written)) : written.slice(1, -1);
      if (!last.isWellFormed()) return 'has half a character';
      at = end - 1;
    } else if (character === ':') {
      const names = around.at(-1);
      if (names?.has(last) === true) return 'has a name twice';
      names?.add(last);
    } else if (character === '{' || character === '[') around.push(new Set());
    else if (character === '}' || character === ']') around.pop();
    else if (character === '-' || (character >= '0' && character <= '9')) {
      number.lastIndex = at;
      const written = number.exec(text)?.[0] ?? character;
      if (!Number.isFinite(Number(written))) return 'has a number that is too large';
      at += written.length - 1;
    }
  }
  return undefined;
}

/** The place after the quote that closes the string that begins here. */
function endOfString(text: string, begin: number): number {
  for (let quote = text.indexOf('"', begin + 1); ; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text.charAt(quote - 1 - escapes) === '\\') escapes += 1;
    if (escapes % 2 === 0) return quote + 1;
  }
}
