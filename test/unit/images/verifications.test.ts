import { expect, test } from '@jest/globals';
import type { Found } from '../../../activities/images/signatures/found.ts';
import type { PinnedRoot } from '../../../activities/images/signatures/trusted-root.ts';
import { rememberVerifications } from '../../../activities/images/signatures/verifications.ts';
import { sha256 } from '../../../domain/json.ts';
import { createSigstore } from '../../support/sigstore.ts';

const image = sha256('image');
const now = new Date('2026-11-23T12:00:00Z');
const bundle = (text: string, where = 'here'): Found => ({
  way: 'bundle',
  where,
  manifestDigest: sha256('manifest'),
  bundle: Buffer.from(text),
});
const simple = (payload: string, annotations: Record<string, string>): Found => ({
  way: 'simple-signing',
  where: 'here',
  manifestDigest: sha256('manifest'),
  payload: Buffer.from(payload),
  annotations,
});
const trust = { trust: { keys: [] }, digest: sha256('trust') };

function counting() {
  let calls = 0;
  const verify = rememberVerifications((found) => {
    calls += 1;
    return { where: found.where, refused: { code: 'unreadable', text: `call ${calls}` } };
  });
  return { verify, calls: () => calls };
}

test('the same bytes about the same image under the same trust are verified once, and told of where they are', () => {
  const { verify, calls } = counting();
  verify(bundle('a', 'first'), image, trust, now);
  expect(verify(bundle('a', 'second'), image, trust, now)).toEqual({
    where: 'second',
    refused: { code: 'unreadable', text: 'call 1' },
  });
  expect(calls()).toBe(1);
});

test('whatever is another is verified by itself', () => {
  const { verify, calls } = counting();
  const others: Parameters<typeof verify>[] = [
    [bundle('a'), image, trust, now],
    [bundle('b'), image, trust, now],
    [bundle('a'), sha256('another'), trust, now],
    [bundle('a'), image, { ...trust, digest: sha256('other trust') }, now],
    [simple('a', {}), image, trust, now],
    [simple('a', { 'dev.cosignproject.cosign/signature': 'x' }), image, trust, now],
    [simple('a', { 'dev.cosignproject.cosign/signature': 'y' }), image, trust, now],
    [{ ...simple('a', {}), way: 'envelope', envelope: Buffer.from('a') } as Found, image, trust, now],
  ];
  for (const one of [...others, ...others]) verify(...one);
  expect(calls()).toBe(others.length);
});

test('a root that is fresh, then too old, then not yet: the results are not each other’s', async () => {
  const root: PinnedRoot = (await createSigstore()).pinned(now, 1);
  const { verify, calls } = counting();
  const withRoot = { trust: { keys: [], root }, digest: sha256('rooted') };
  const day = 86_400_000;
  for (const at of [0, 1_000, 2 * day, 2 * day + 1, 500])
    verify(bundle('a'), image, withRoot, new Date(now.getTime() + at));
  expect(calls()).toBe(2);
});
