import { sha256 as hash } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';

/** What survives a JSON round trip unchanged. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

/**
 * RFC 8785 canonical JSON: the one text that is hashed and signed.
 * Properties whose value is `undefined` are left out, as JSON.stringify does.
 * @throws TypeError when the value has no JSON form (undefined, a function, NaN, a lone surrogate).
 */
export function canonical(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('the value has no JSON form');
  return text;
}

/** SHA-256 of bytes, or of a string's UTF-8. Pure JavaScript, so that it also runs inside a workflow. */
export function sha256(data: Uint8Array | string): Digest {
  return `sha256:${bytesToHex(hash(typeof data === 'string' ? utf8ToBytes(data) : data))}`;
}

/** SHA-256 of the canonical JSON of a value. */
export function digest(value: unknown): Digest {
  return sha256(canonical(value));
}

/** Whether a value is a JSON object: neither a list nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy of an object as JSON would carry it: without undefined properties, functions and the like. */
export function jsonCopy(value: object): JsonObject {
  const copy: JsonObject = JSON.parse(JSON.stringify(value));
  return copy;
}
