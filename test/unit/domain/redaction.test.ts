import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  hide,
  mostRemembered,
  placeholder,
  redact,
  redactJson,
  remember,
} from '../../../domain/redaction.ts';
import { Secret } from '../../../domain/secret.ts';

/** Each way in which a secret is written, and how to find what would be left of it. */
const writings: { [name: string]: (secret: string) => string } = {
  raw: (secret) => secret,
  base64: (secret) => Buffer.from(secret).toString('base64'),
  base64url: (secret) => Buffer.from(secret).toString('base64url'),
  hexadecimal: (secret) => Buffer.from(secret).toString('hex'),
  'upper-case hexadecimal': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  'a component of a URL': encodeURIComponent,
  'percent-encoded with small letters': (secret) =>
    encodeURIComponent(secret).replaceAll(/%../g, (escape) => escape.toLowerCase()),
  'percent-encoded, every byte': (secret) =>
    [...Buffer.from(secret)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  "a form's value": (secret) => new URLSearchParams({ '': secret }).toString().slice(1),
  JSON: (secret) => JSON.stringify(secret).slice(1, -1),
  'JSON in JSON': (secret) => JSON.stringify(JSON.stringify(secret)).slice(3, -3),
  'JSON, all escaped': (secret) =>
    Array.from(
      { length: secret.length },
      (_, at) => `\\u${secret.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  'the base64 of what holds it': (secret) => Buffer.from(`user:${secret}!`).toString('base64'),
  'the base64 of what holds it, moved by one': (secret) =>
    Buffer.from(`users:${secret}??`).toString('base64'),
  'the base64url of what holds it': (secret) => Buffer.from(`userss:${secret}`).toString('base64url'),
  'base64 in a URL': (secret) => encodeURIComponent(Buffer.from(secret).toString('base64')),
  inspected: (secret) => inspect(secret, { breakLength: Infinity }).slice(1, -1),
};

const wellFormed = fc.string({ unit: 'binary', minLength: 8, maxLength: 80 });
const likeKeys = fc.base64String({ minLength: 8, maxLength: 300 });
const ascii = fc.string({ unit: 'grapheme-ascii', minLength: 8, maxLength: 120 });
const secrets = fc.oneof(likeKeys, ascii, wellFormed);
/** Around a secret: nothing that would go on with an encoding of it. */
const around = fc.stringMatching(/^[ .,;:!(){}<>a-zA-Z]{0,30}$/).map((text) => ` ${text} `);

describe('what is remembered', () => {
  test.each(Object.keys(writings))('goes, written as: %s', (name) => {
    const write = writings[name] ?? String;
    fc.assert(
      fc.property(secrets, around, around, (secret, before, after) => {
        const made = new Secret(secret);
        const written = write(made.reveal());
        const redacted = redact(`${before}${written}${after}`);
        // A text so uniform that its surroundings continue it may leave no whole copy either.
        expect(redacted).not.toContain(written);
        expect(redacted).toContain(placeholder);
      }),
      { numRuns: 300 },
    );
  });

  test('goes several times over, beside others, and leaves what is between', () => {
    remember('first-secret-value');
    remember('second/secret+value');
    expect(redact('a first-secret-value b second%2Fsecret%2Bvalue c first-secret-value d')).toBe(
      'a [secret] b [secret] c [secret] d',
    );
  });

  test('goes where one secret is part of another, whichever came first', () => {
    remember('inner-secret');
    remember('outer-inner-secret-outer');
    expect(redact('x outer-inner-secret-outer x inner-secret x')).toBe('x [secret] x [secret] x');
  });

  test('goes where it was cut: half of it, at the end or before the mark of a cut', () => {
    const secret = randomBytes(30).toString('base64url');
    remember(secret);
    expect(redact(`it says ${secret.slice(0, 25)}`)).toBe('it says [secret]');
    expect(redact(`it says ${secret.slice(0, 25)}… (+15 characters)`)).toBe(
      'it says [secret]… (+15 characters)',
    );
  });

  test('a long one goes in parts too', () => {
    const secret = randomBytes(4_000).toString('base64');
    remember(secret);
    expect(redact(`x${secret}x`)).toBe('x[secret]x');
    const lines = secret.match(/.{400}/g) ?? [];
    const left = redact(lines.join('\n'));
    for (let at = 0; at + 200 < secret.length; at += 200)
      expect(left).not.toContain(secret.slice(at, at + 200));
  });

  test('a short text is never remembered: it would stand in too many others', () => {
    remember('prod');
    remember('1234567');
    expect(redact('prod 1234567 production')).toBe('prod 1234567 production');
  });

  test('what is named goes at any length, all of it, and is no pattern', () => {
    expect(hide('pin 07, again 07; $& and a.c, not abc', ['07', '$&', 'a.c'])).toBe(
      `pin ${placeholder}, again ${placeholder}; ${placeholder} and ${placeholder}, not abc`,
    );
    expect(hide('pin 07', [])).toBe('pin 07');
  });

  test('no more than so many are remembered, those used last and those of the process itself', () => {
    const first = randomBytes(20).toString('hex');
    const kept = randomBytes(20).toString('hex');
    const own = randomBytes(20).toString('hex');
    remember(own, 'always');
    remember(first);
    remember(kept);
    for (let at = 1; at < mostRemembered; at++) {
      remember(randomBytes(20).toString('hex'));
      if (at === 500) remember(kept);
    }
    expect(redact(first)).toBe(first);
    expect(redact(own)).toBe(placeholder);
    expect(redact(kept)).toBe(placeholder);
  });

  test('in JSON, keys included; what holds none is the same object', () => {
    remember('a-secret-in-json');
    const clean = { a: ['b', 1, null, { c: true }], at: new Date(0) };
    expect(redactJson(clean)).toBe(clean);
    expect(redactJson({ 'x a-secret-in-json': [{ y: 'Basic a-secret-in-json' }, 2] })).toEqual({
      'x [secret]': [{ y: 'Basic [secret]' }, 2],
    });
  });

  test('a line of JSON stays one', () => {
    fc.assert(
      fc.property(secrets, fc.string(), (secret, more) => {
        remember(secret);
        const line = {
          level: 30,
          msg: `${more} ${secret}`,
          [secret]: JSON.stringify({ secret }),
          at: encodeURIComponent(secret),
        };
        expect(() => JSON.parse(redact(JSON.stringify(line)))).not.toThrow();
      }),
    );
  });
});

/** What makes expressions that backtrack, and comparisons that start anew at each place, slow. */
const hard: [string, string][] = [
  'a',
  ' ',
  '-',
  '\\',
  '%41',
  '\\u0041',
  'eyJ',
  'eyJaaaa.',
  'eyJ-aaaa-',
  'AKIA0000000000000000',
  `AKIA0000000000000000 ${'aB3+'.repeat(10)} `,
  'gh',
  'ghp_',
  'glpat-',
  'bearer ',
  'authorization:',
  'authorization: basic ',
  '://',
  '://a:',
  '://a:b',
  'a://b:c@',
  '-----BEGIN PRIVATE KEY',
  '-----BEGIN PRIVATE KEY-----"',
  '-----END PRIVATE KEY-----',
  'secret_access_key',
  'secret_access_key"',
  'signature=0',
  '…',
].map((piece) => [JSON.stringify(piece), piece]);

function time(text: string): number {
  const began = performance.now();
  redact(text);
  return performance.now() - began;
}

describe('time is linear', () => {
  test.each(hard)('in %s over and over', (_, piece) => {
    remember(`${'a'.repeat(9_000)}b`);
    remember(`${'-'.repeat(200)}b`);
    const best = (length: number) => {
      const text = piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
      return Math.min(time(text), time(text), time(text));
    };
    // Eight times as long: quadratic would take 64 times as long. A busy machine is forgiven a lot.
    const short = Math.max(best(40_000), 5);
    expect(best(320_000) / short).toBeLessThan(40);
  });
});
