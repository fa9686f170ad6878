import { describe, expect, test } from '@jest/globals';
import { judge } from '../../../activities/images/judge.ts';
import {
  issuer,
  identity,
  ci,
  release,
  day,
  iso,
  now,
  policyWith,
  keyed,
  signature,
  certified,
  evidence,
  codes,
} from '../../support/image-evidence.ts';

describe('a key', () => {
  test('that is revoked counts for what is proven to be signed before', () => {
    const policy = keyed({ revokedAt: iso(10) });
    expect(judge(evidence([signature(release, day(9))]), policy, now).verdict).toBe('accepted');
    for (const signedAt of [day(10), day(11), undefined]) {
      expect(codes(judge(evidence([signature(release, signedAt)]), policy, now))).toEqual(['key-revoked']);
    }
  });

  test('cannot have signed before it was', () => {
    const policy = keyed({ validFrom: iso(10) });
    expect(codes(judge(evidence([signature(release, day(9))]), policy, now))).toEqual(['key-not-yet-valid']);
    expect(judge(evidence([signature(release, day(10))]), policy, now).verdict).toBe('accepted');
  });
});

test('an identity that is revoked counts for what is proven to be signed before, or for nothing', () => {
  const from10 = policyWith({ revokedIdentities: [{ identity, issuer, revokedAt: iso(10) }] });
  expect(judge(evidence([certified(day(9))]), from10, now).verdict).toBe('accepted');
  expect(codes(judge(evidence([certified(day(10))]), from10, now))).toEqual(['identity-revoked']);
  for (const revokedIdentities of [
    [{ identity, issuer }],
    [
      { identity, issuer, revokedAt: iso(10) },
      { identity, issuer },
    ],
    [
      { identity, issuer, revokedAt: iso(10) },
      { identity, issuer, revokedAt: iso(8) },
    ],
  ]) {
    const judgement = judge(evidence([certified(day(9))]), policyWith({ revokedIdentities }), now);
    expect(codes(judgement)).toEqual(['identity-revoked']);
  }
  const others = policyWith({ revokedIdentities: [{ identity, issuer: 'https://other.example' }] });
  expect(judge(evidence([certified(day(9))]), others, now).verdict).toBe('accepted');
});

describe('in a window from the 10th to the 12th', () => {
  const window = { from: iso(10), to: iso(12) };

  test.each([
    ['before', day(9), undefined],
    ['at its start', day(10), 'signed-in-window'],
    ['inside', day(11), 'signed-in-window'],
    ['at its end', day(12), 'signed-in-window'],
    ['after', day(13), undefined],
  ])('a certificate that signed %s', (_when, signedAt, code) => {
    const judgement = judge(evidence([certified(signedAt)]), policyWith({ window }), now);
    expect(judgement.verdict === 'accepted' ? undefined : codes(judgement)[0]).toBe(code);
  });

  test('a certificate from inside counts for nothing that is signed after', () => {
    const claim = signature(ci, day(12, 1), day(11, 23));
    expect(codes(judge(evidence([claim]), policyWith({ window }), now))).toEqual([
      'perhaps-signed-in-window',
    ]);
  });

  test.each<[string, object, Date | undefined, string | undefined]>([
    ['signs before', {}, day(9), undefined],
    ['signs inside', {}, day(11), 'signed-in-window'],
    // The time is the latest at which it can have been signed.
    ['signs by a time after', {}, day(13), 'perhaps-signed-in-window'],
    ['says no time', {}, undefined, 'no-trusted-time'],
    ['was made after, and says no time', { validFrom: iso(13) }, undefined, undefined],
    ['was made after, and signs after', { validFrom: iso(13) }, day(14), undefined],
    ['was made at its end, and signs after', { validFrom: iso(12) }, day(14), 'perhaps-signed-in-window'],
    ['was made inside, and signs after', { validFrom: iso(11) }, day(14), 'perhaps-signed-in-window'],
    ['was out of reach, and says no time', { outsideWindow: true }, undefined, undefined],
    ['was out of reach, and signs after', { outsideWindow: true }, day(13), undefined],
    ['was out of reach, and signs inside', { outsideWindow: true }, day(11), 'signed-in-window'],
  ])('a key that %s', (_what, facts, signedAt, code) => {
    const judgement = judge(evidence([signature(release, signedAt)]), keyed(facts, window), now);
    expect(judgement.verdict === 'accepted' ? undefined : codes(judgement)[0]).toBe(code);
  });

  test('that is still open, nothing since its start counts', () => {
    const open = policyWith({ window: { from: iso(10) } });
    expect(judge(evidence([certified(day(9))]), open, now).verdict).toBe('accepted');
    expect(codes(judge(evidence([certified(day(19))]), open, now))).toEqual(['signed-in-window']);
    const made = keyed({ validFrom: iso(13) }, { from: iso(10) });
    expect(codes(judge(evidence([signature(release)]), made, now))).toEqual(['no-trusted-time']);
  });
});
