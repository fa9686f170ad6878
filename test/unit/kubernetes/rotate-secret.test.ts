import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { input } from '../../../activities/kubernetes/secret/contract.ts';
import { ask, urlProblem } from '../../../activities/kubernetes/secret/endpoint.ts';
import { bitsOf, defaultAlphabet, generated } from '../../../activities/kubernetes/secret/generate.ts';
import { snapshotOf, type KubernetesSecret } from '../../../activities/kubernetes/secret/target.ts';
import { refuseUnfit } from '../../../activities/kubernetes/secret/unfit.ts';

const base = { cluster: 'prod', namespace: 'shop', secret: 'db', key: 'password' };

const withGenerate = (generate: object) => input.safeParse({ ...base, generate }).success;
const secret = (rest: object, metadata: object = {}): KubernetesSecret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'db', namespace: 'shop', uid: 'u', resourceVersion: '1', ...metadata },
  type: 'Opaque',
  data: { password: 'b2xk' },
  ...rest,
});

describe('where a value may be sent', () => {
  test.each([
    'https://db.example/health',
    'https://10.0.0.7:8443/',
    'https://[2001:db8::7]/',
    'http://localhost:8080/',
    'http://127.0.0.1/',
    'http://127.8.9.10/',
    'http://[::1]:9/',
  ])('%s', (url) => expect(urlProblem(url)).toBeUndefined());

  test.each([
    'http://db.example/',
    'http://10.0.0.7/',
    'http://127.0.0.1.example/',
    'ftp://db.example/',
    'file:///etc/passwd',
    'https://user:word@db.example/',
    'https://db.example/#x',
    'db.example',
    // Metadata of clouds and the link, in every notation that a URL knows.
    'https://169.254.169.254/latest',
    'https://0xa9fea9fe/',
    'https://2852039166/',
    'https://0251.0376.0251.0376/',
    'https://[::ffff:169.254.169.254]/',
    'https://[64:ff9b::169.254.169.254]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://100.100.100.200/',
    'https://168.63.129.16/',
    'https://0.0.0.0/',
    'https://[::]/',
    'https://255.255.255.255/',
    'https://239.1.1.1/',
    'https://[ff02::1]/',
  ])('not %s', (url) => expect(urlProblem(url)).toEqual(expect.stringMatching(/^must /)));

  test('the schema refuses it too, and a header that steers the request', () => {
    const check = { as: 'bearer', url: 'https://169.254.169.254/' };
    expect(input.safeParse({ ...base, check }).success).toBe(false);
    const host = { as: 'header', url: 'https://db.example/', header: 'Host' };
    expect(input.safeParse({ ...base, check: host }).success).toBe(false);
    expect(input.safeParse({ ...base, check: { ...host, header: 'X-Api-Key' } }).success).toBe(true);
  });
});

describe('an endpoint', () => {
  let seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.url} ${String(request.headers['x-key'])}`);
    if (request.url === '/moved') response.writeHead(302, { location: '/there' });
    response.end();
  });
  let url = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });
  const signal = new AbortController().signal;

  test('answers with its status, and a redirect is not followed', async () => {
    seen = [];
    expect(await ask(new URL('/moved', url), { 'x-key': 'k' }, signal)).toEqual({ status: 302 });
    expect(seen).toEqual(['/moved k']);
  });

  test('by name, to the address that was judged', async () => {
    expect(await ask(new URL(url.replace('127.0.0.1', 'localhost')), {}, signal)).toEqual({ status: 200 });
  });

  test('a value that no header can hold is not repeated', async () => {
    const answer = await ask(new URL(url), { 'x-key': 'line\nbreak-secret' }, signal);
    expect(answer).toEqual({ failure: 'no answer (ERR_INVALID_CHAR)' });
  });

  test('that is not there, and one that is forbidden', async () => {
    expect(await ask(new URL('http://127.0.0.1:9/'), {}, signal)).toEqual({
      failure: 'no answer (ECONNREFUSED)',
    });
    expect(await ask(new URL('https://169.254.169.254/'), {}, signal)).toEqual({
      failure: expect.stringContaining('must not be'),
    });
    expect(await ask(new URL('https://name.invalid/'), {}, signal)).toEqual({
      failure: expect.stringContaining('cannot be resolved'),
    });
  });
});

describe('a generated value', () => {
  test('has the length and the characters that were asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 100 }),
        fc.uniqueArray(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 2 }),
        (length, codes) => {
          const alphabet = String.fromCharCode(...codes);
          const value = generated({ length, alphabet }).reveal();
          expect(value).toHaveLength(length);
          expect(value.split('').every((character) => alphabet.includes(character))).toBe(true);
        },
      ),
    );
  });

  test('uses every character about as often', () => {
    const counts = new Map<string, number>();
    for (const character of Array.from({ length: 60 }, () =>
      generated({ length: 1024, alphabet: 'abcdef' }).reveal(),
    ).join(''))
      counts.set(character, (counts.get(character) ?? 0) + 1);
    for (const count of counts.values()) expect(Math.abs(count / 10_240 - 1)).toBeLessThan(0.1);
    expect(counts.size).toBe(6);
  });

  test('that could be guessed is refused', () => {
    expect(withGenerate({})).toBe(true);
    expect(withGenerate({ length: 8 })).toBe(false);
    expect(withGenerate({ length: 64, alphabet: 'ab' })).toBe(false);
    expect(withGenerate({ length: 32, alphabet: 'aaaaaaaaaabc' })).toBe(false);
    expect(withGenerate({ length: 30, alphabet: '0123456789' })).toBe(true);
    expect(bitsOf({ length: 32, alphabet: defaultAlphabet })).toBeGreaterThan(190);
  });

  test('or one that is named, not both', () => {
    expect(input.safeParse({ ...base, from: 'vault/new', generate: {} }).success).toBe(false);
    expect(input.safeParse({ ...base, from: 'vault/new' }).success).toBe(true);
    expect(input.safeParse({ ...base, from: 'pa ssword!' }).success).toBe(false);
  });
});

describe('a Secret that something else writes', () => {
  const parsed = input.parse(base);
  test('a plain one is fit', () => expect(() => refuseUnfit(secret({}), parsed)).not.toThrow());

  test.each<[string, KubernetesSecret, RegExp]>([
    ['immutable', secret({ immutable: true }), /immutable/],
    ['a token', secret({ type: 'kubernetes.io/service-account-token' }), /revoke-service-account-tokens/],
    ['a certificate', secret({ type: 'kubernetes.io/tls' }), /with\.from/],
    ['no such key', secret({ data: { user: 'YQ==' } }), /with\.key can be user/],
    ['an inherited name', secret({ data: {} }), /it is empty/],
    ['CSI', secret({}, { labels: { 'secrets-store.csi.k8s.io/managed': 'true' } }), /CSI driver/],
    [
      'External Secrets',
      secret({}, { labels: { 'reconcile.external-secrets.io/managed': 'true' } }),
      /External Secrets/,
    ],
    [
      'a controller',
      secret(
        {},
        {
          ownerReferences: [
            { apiVersion: 'x/v1', kind: 'SealedSecret', name: 'db', uid: 'o', controller: true },
          ],
        },
      ),
      /SealedSecret db/,
    ],
  ])('%s', (_, each, message) => expect(() => refuseUnfit(each, parsed)).toThrow(message));

  test('a snapshot holds neither values nor annotations', () => {
    const copied = secret(
      {},
      { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"password":"b2xk"}}' } },
    );
    expect(JSON.stringify(snapshotOf('prod', 'now', copied))).not.toContain('b2xk');
  });
});
