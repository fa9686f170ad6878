import { randomInt } from 'node:crypto';
import { Secret } from '../../../domain/secret.ts';

export interface GenerateOptions {
  length: number;
  alphabet: string;
}

/** Letters and digits: they survive shells, URLs and connection strings. */
export const defaultAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Beyond any guessing, also offline. */
export const leastBits = 80;

/** The entropy of a generated value, in bits. */
export function bitsOf({ length, alphabet }: GenerateOptions): number {
  return length * Math.log2(alphabet.length);
}

/** A random value, each character chosen evenly and by itself. */
export function generated({ length, alphabet }: GenerateOptions): Secret {
  return new Secret(Array.from({ length }, () => alphabet[randomInt(alphabet.length)] ?? '').join(''));
}
