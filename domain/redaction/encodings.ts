import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** Longer texts are known by their parts: each of this length. It bounds how long two texts are compared. UTF-16 units. */
const longest = 256;
const part = 128;

/** Every text that a secret is looked for as, beside what a view of the text undoes (views.ts): raw, base64, base64url, hexadecimal. */
export function encodingsOf(secret: string): string[] {
  const bytes = utf8ToBytes(secret);
  const hex = bytesToHex(bytes);
  const whole = base64(bytes);
  const all = [
    secret,
    // As percent-encoding carries it: a character a byte.
    binary(bytes),
    hex,
    hex.toUpperCase(),
    whole,
    whole.replace(/=+$/, ''),
    ...[0, 1, 2].map((before) => inside(bytes, before)),
  ];
  return [...new Set([...all, ...all.map(urlSafe)])].flatMap(parts);
}

/** The characters of base64 that these bytes alone decide when `before` bytes, modulo 3, come before them in what was encoded. */
function inside(bytes: Uint8Array, before: number): string {
  const padded = new Uint8Array(before + bytes.length);
  padded.set(bytes, before);
  const first = Math.ceil((before * 8) / 6);
  return base64(padded).slice(first, Math.floor((padded.length * 8) / 6));
}

function base64(bytes: Uint8Array): string {
  return btoa(binary(bytes));
}

function urlSafe(text: string): string {
  return text.replaceAll('+', '-').replaceAll('/', '_');
}

/** A character a byte. */
function binary(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function parts(text: string): string[] {
  if (text.length <= longest) return [text];
  const found = Array.from({ length: Math.floor(text.length / part) }, (_, at) =>
    text.slice(at * part, (at + 1) * part),
  );
  return [...found, text.slice(-part)];
}
