import { parse } from 'lossless-json';
import { z } from 'zod';
import type { Json } from '../domain/json.ts';
import { Problem } from './problem.ts';

/** Any JSON. Named, because a recursive schema can only be described by reference. */
export const anyJson = z.json();
z.globalRegistry.add(anyJson, { id: 'Json' });

export interface JsonLimits {
  jsonDepth: number;
  jsonKeys: number;
}

/**
 * Reads a body as JSON, strictly: UTF-8, bounded depth and number of keys, no key twice. Numbers that a double cannot keep (Falco's nanoseconds)
 * become strings of their digits.
 * @throws Problem FB1001 (not JSON), FB1002 (too deep, too many keys), FB1003 (not UTF-8), FB1004 (a key twice, or forbidden)
 */
export function parseJson(body: Uint8Array, limits: JsonLimits): Json {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Problem(400, 'FB1003', 'the body is not UTF-8; encode it as such');
  }
  measure(text, limits);
  try {
    return anyJson.parse(parse(text, refuseKey, { parseNumber, onDuplicateKey }));
  } catch (error) {
    if (error instanceof Problem) throw error;
    // The parser's message quotes the body, which is an attacker's: only the place is told.
    const at = error instanceof Error ? /at position (\d+)$/.exec(error.message)?.[1] : undefined;
    throw new Problem(
      400,
      'FB1001',
      `the body is not JSON${at === undefined ? '' : ` (at character ${at})`}`,
    );
  }
}

/** Counts brackets and keys before the recursive parser sees them: an array nested 100,000 deep must cost nothing. */
function measure(text: string, { jsonDepth, jsonKeys }: JsonLimits): void {
  let depth = 0;
  let keys = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === ':') keys += 1;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (depth > jsonDepth) {
      throw new Problem(400, 'FB1002', `the body nests deeper than ${jsonDepth} levels; flatten it`);
    }
    if (keys > jsonKeys)
      throw new Problem(400, 'FB1002', `the body has more than ${jsonKeys} keys; send less`);
  }
}

function parseNumber(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number))
    ? number
    : text;
}

function onDuplicateKey(): never {
  // Two readers of one body must not see two alerts.
  throw new Problem(400, 'FB1004', 'the body has a key twice in one object; send it once');
}

function refuseKey(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new Problem(400, 'FB1004', 'the key "__proto__" is not allowed; rename it');
  return value;
}
