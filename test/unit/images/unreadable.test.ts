import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Found } from '../../../activities/images/signatures/found.ts';
import { verifyFound } from '../../../activities/images/signatures/verify.ts';
import { sha256 } from '../../../domain/json.ts';

const image = sha256('the image');
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function outcome(found: Found): string {
  const claim = verifyFound(found, image, { keys: [{ name: 'release', publicKey }] }, new Date());
  return 'refused' in claim ? claim.refused.code : 'verified';
}

test.each([
  ['nothing', ''],
  ['no JSON', '{'],
  ['no object', '[]'],
  ['null', 'null'],
  ['an object', '{}'],
  ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ['JSON that is too deep', '['.repeat(1_000_000)],
  [
    'four mebibytes of base64',
    JSON.stringify({ payloadType: '', payload: 'A'.repeat(4 << 20), signatures: [{ sig: 'AAAA' }] }),
  ],
])('bytes that are %s are refused, whatever they ought to be', (_what, text) => {
  const bytes = Buffer.from(text);
  const found = { where: 'here', manifestDigest: image, annotations: {} };
  const annotations = { 'dev.cosignproject.cosign/signature': 'AAAA' };
  for (const one of [
    { ...found, way: 'bundle' as const, bundle: bytes },
    { ...found, way: 'envelope' as const, envelope: bytes },
    { ...found, way: 'simple-signing' as const, payload: bytes, annotations },
    { ...found, way: 'simple-signing' as const, payload: bytes },
  ]) {
    expect(['unreadable', 'unknown-key']).toContain(outcome(one));
  }
});
