import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judge, type ImageEvidence } from '../../../activities/images/judge.ts';
import { parseImagePolicy, trustOf } from '../../../activities/images/policy.ts';
import type { Claim, Verified } from '../../../activities/images/signatures/verified.ts';
import { verifyFound } from '../../../activities/images/signatures/verify.ts';
import type { ImageSigner } from '../../../domain/image.ts';
import { sha256 } from '../../../domain/json.ts';
import {
  image,
  child,
  issuer,
  identity,
  ci,
  release,
  day,
  iso,
  now,
  pems,
  rule,
  base,
  policyWith,
  keyed,
  signature,
  certified,
  evidence,
  codes,
} from '../../support/image-evidence.ts';
import { createSigstore } from '../../support/sigstore.ts';

describe('an image is accepted', () => {
  test('when somebody who may has signed it; the judgement says who, and when at the latest', () => {
    expect(judge(evidence([certified(day(5))]), policyWith({}), now)).toEqual({
      verdict: 'accepted',
      by: ci,
      signedAt: iso(5),
      reasons: [
        {
          code: 'signed',
          text: `here: signed with the identity ${identity} of ${issuer}, by 2026-11-05T00:00:00.000Z`,
        },
      ],
    });
    expect(judge(evidence([signature(release)]), policyWith({}), now)).toEqual({
      verdict: 'accepted',
      by: release,
      reasons: [{ code: 'signed', text: 'here: signed with the key release, at a time nobody vouches for' }],
    });
  });

  test('whatever else was found beside', () => {
    const claims: Claim[] = [
      { where: 'a', refused: { code: 'unreadable', text: 'no' } },
      signature({ key: 'next' }),
      { ...signature(release), predicateType: 'https://spdx.dev/Document' },
      signature(release),
    ];
    const skipped = [{ where: 'b', why: 'too large' }];
    expect(judge(evidence(claims, { skipped }), policyWith({}), now)).toMatchObject({
      verdict: 'accepted',
      by: release,
    });
  });
});

describe('an image is refused', () => {
  test.each<[string, string[], ImageEvidence, object]>([
    ['without any signature', ['unsigned'], evidence([]), {}],
    [
      'with attestations only',
      ['attestation-only'],
      evidence([{ ...signature(release), predicateType: 'p' }]),
      {},
    ],
    [
      'when a digest that stands for it is denied',
      ['digest-denied'],
      evidence([signature(release)]),
      { deniedDigests: [child] },
    ],
    [
      'when no rule covers it',
      ['repository-not-covered'],
      evidence([signature(release)], { repository: 'registry.example/other/api' }),
      {},
    ],
    [
      'with a key of the policy that is not for it',
      ['signer-not-allowed'],
      evidence([signature({ key: 'next' })]),
      {},
    ],
    [
      'when one of two rules is not met',
      ['signer-not-allowed'],
      evidence([signature(release)]),
      { images: [rule, { ...rule, signedBy: [{ key: 'next' }] }] },
    ],
    ['with a signature of tomorrow', ['signed-in-future'], evidence([certified(day(21))]), {}],
    [
      'and says what could not be read',
      ['unsigned', 'not-examined'],
      evidence([], { skipped: [{ where: 'b', why: 'too large' }] }),
      {},
    ],
  ])('%s', (_what, expected, found, changes) => {
    const judgement = judge(found, policyWith(changes), now);
    expect(judgement.verdict).toBe('refused');
    expect(codes(judgement)).toEqual(expected);
    expect(judgement).not.toHaveProperty('by');
  });

  test.each([
    ['ends in it', { identity: `https://evil.example/?${identity}`, issuer }],
    ['begins with it', { identity: `${identity}-evil`, issuer }],
    ['fits it as a pattern', { identity: identity.replaceAll('.', 'x'), issuer }],
    ['is it in capitals', { identity: identity.toUpperCase(), issuer }],
    ['is it with a slash more', { identity: `${identity}/`, issuer }],
    ['is another at the same issuer', { identity: 'https://git.example/evil', issuer }],
    ['has an issuer of which it is a prefix', { identity, issuer: `${issuer}.evil.example` }],
    ['has a prefix of the issuer', { identity, issuer: issuer.slice(0, -1) }],
    ['has the two exchanged', { identity: issuer, issuer: identity }],
  ])('when the identity in the certificate %s', (_what, by) => {
    expect(codes(judge(evidence([certified(day(5), by)]), policyWith({}), now))).toEqual([
      'signer-not-allowed',
    ]);
  });

  test('when an identity of special characters is only matched by them', () => {
    const odd = { identity: 'https://ci.example/(a|b).+[c]?^$\\', issuer };
    const policy = policyWith({ images: [{ ...rule, signedBy: [odd] }] });
    expect(judge(evidence([certified(day(5), odd)]), policy, now).verdict).toBe('accepted');
    for (const other of [
      'https://ci.example/a',
      'https://ci.example/axc',
      'https://ci.example/(a|b).+[c]?^$',
    ]) {
      const by = { identity: other, issuer };
      expect(codes(judge(evidence([certified(day(5), by)]), policy, now))).toEqual(['signer-not-allowed']);
    }
  });

  test('in words that cannot deceive, and few of a kind', () => {
    const by = { identity: 'https://a.example/\u202Egnp.exe\nok', issuer };
    const claims = Array.from({ length: 100 }, (_one, index): Claim => ({
      ...certified(day(5), by),
      where: `layer ${index}`,
    }));
    const { reasons } = judge(evidence(claims), policyWith({}), now);
    expect(reasons).toHaveLength(3);
    expect(reasons[0]?.text).toBe(
      `layer 0: https://a.example/⟨U+202E⟩gnp.exe⏎ok of ${issuer} may not sign here`,
    );
    expect(reasons[2]?.text).toMatch(/^layer 2: .* \(and 97 more such\)$/);
  });
});

const wanting = (...attestations: object[]) => policyWith({ images: [{ ...rule, attestations }] });
const attested = (predicateType: string, more: object = {}, by: ImageSigner = release): Verified => ({
  ...signature(by),
  predicateType,
  ...more,
});

describe('attestations', () => {
  const provenance = 'https://slsa.dev/provenance/v1';
  const bill = ['https://spdx.dev/Document', 'https://cyclonedx.org/bom'];
  const built = (builder: string | undefined, ...sources: string[]) =>
    attested(provenance, { provenance: { builder, sources } });

  test('that are wanted are all needed, and the signature too', () => {
    const policy = wanting({ predicateTypes: [provenance] }, { predicateTypes: bill });
    const all = [signature(release), built('b'), attested('https://cyclonedx.org/bom')];
    const { verdict, reasons } = judge(evidence(all), policy, now);
    expect(verdict).toBe('accepted');
    expect(reasons.map(({ code }) => code)).toEqual(['signed', 'attested', 'attested']);
    for (const [left, code] of [
      [0, 'attestation-only'],
      [1, 'attestation-missing'],
      [2, 'attestation-missing'],
    ] as const) {
      expect(codes(judge(evidence(all.toSpliced(left, 1)), policy, now))).toEqual([code]);
    }
  });

  test('are of a builder and a source, exactly, and of one source only', () => {
    const policy = wanting({
      predicateTypes: [provenance],
      builder: 'https://b.example',
      source: 'https://s.example',
    });
    const of = (claim: Verified) => codes(judge(evidence([signature(release), claim]), policy, now));
    expect(of(built('https://b.example', 'https://s.example'))).toEqual(['signed', 'attested']);
    expect(of(built('https://b.example', 'https://s.example', 'https://s.example'))).toEqual([
      'signed',
      'attested',
    ]);
    expect(of(built('https://b.example/evil', 'https://s.example'))).toEqual(['wrong-builder']);
    expect(of(attested(provenance))).toEqual(['wrong-builder']);
    expect(of(built('https://b.example'))).toEqual(['wrong-source']);
    expect(of(built('https://b.example', 'https://s.example', 'https://evil.example'))).toEqual([
      'wrong-source',
    ]);
  });

  test('all say so, of those by who may attest; what others push beside has no say', () => {
    const policy = wanting({ predicateTypes: [provenance], builder: 'https://b.example' });
    const right = built('https://b.example');
    const wrong = built('https://evil.example');
    const foreign = attested(
      provenance,
      { provenance: { builder: 'https://evil.example', sources: [] } },
      { key: 'next' },
    );
    const of = (...claims: Verified[]) =>
      codes(judge(evidence([signature(release), ...claims]), policy, now));
    expect(of(right, wrong)).toEqual(['wrong-builder']);
    expect(of(wrong, right)).toEqual(['wrong-builder']);
    expect(of(foreign, right)).toEqual(['signed', 'attested']);
    expect(of(right, right)).toEqual(['signed', 'attested']);
  });

  test('are signed by whom they are to be, under the same rules as signatures', () => {
    const policy = wanting({ predicateTypes: bill, signedBy: [{ key: 'next' }] });
    const by = (signer: ImageSigner, rules = policy) =>
      codes(
        judge(evidence([signature(release), attested('https://spdx.dev/Document', {}, signer)]), rules, now),
      );
    expect(by({ key: 'next' })).toEqual(['signed', 'attested']);
    expect(by(release)).toEqual(['signer-not-allowed']);
    const revoked = parseImagePolicy({
      ...policy,
      keys: { ...policy.keys, next: { pem: pems.next, revokedAt: iso(1) } },
    });
    expect(by({ key: 'next' }, revoked)).toEqual(['key-revoked']);
  });
});

describe('whatever is found', () => {
  const signer = fc.constantFrom<ImageSigner>(release, { key: 'next' }, ci, {
    identity,
    issuer: 'https://other.example',
  });
  const date = fc.integer({ min: 1, max: 25 }).map((of) => day(of));
  const claim: fc.Arbitrary<Claim> = fc.oneof(
    fc.constant<Claim>({ where: 'x', refused: { code: 'unreadable', text: 'no' } }),
    fc
      .record({ by: signer, signedAt: date, predicateType: fc.option(fc.constant('p'), { nil: undefined }) })
      .map(({ by, signedAt, predicateType }): Claim => ({
        ...('key' in by ? signature(by, signedAt) : certified(signedAt, by)),
        ...(predicateType === undefined ? {} : { predicateType }),
      })),
  );
  const policies = fc.constantFrom(
    policyWith({}),
    policyWith({ window: { from: iso(10), to: iso(12) } }),
    keyed({ revokedAt: iso(10) }),
    policyWith({ images: [{ ...rule, attestations: [{ predicateTypes: ['p'] }] }] }),
    policyWith({ revokedIdentities: [{ identity, issuer, revokedAt: iso(8) }] }),
    policyWith({ deniedDigests: [image] }),
  );
  const claims = fc.array(claim, { maxLength: 6 });

  test('more of it never takes an acceptance away, and less never gives one; order does not matter', () => {
    let accepted = 0;
    fc.assert(
      fc.property(claims, claims, policies, (some, more, policy) => {
        const { verdict } = judge(evidence(some), policy, now);
        if (verdict === 'accepted') {
          accepted += 1;
          expect(judge(evidence([...more, ...some]), policy, now).verdict).toBe('accepted');
        }
        expect(judge(evidence(some.toReversed()), policy, now).verdict).toBe(verdict);
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  test('an acceptance names a signer of the rule, outside of the window, and a refusal says why', () => {
    fc.assert(
      fc.property(claims, policies, (some, policy) => {
        const judgement = judge(evidence(some), policy, now);
        expect(judgement.reasons.length).toBeGreaterThan(0);
        if (judgement.verdict === 'refused') {
          expect(judgement).toEqual({ verdict: 'refused', reasons: judgement.reasons });
          return;
        }
        expect(rule.signedBy).toContainEqual(judgement.by);
        const { window } = policy;
        if (window === undefined) return;
        const at = judgement.signedAt ?? '';
        // A key of no known age, stamped after the window, may have signed in it.
        const after = judgement.by !== undefined && 'identity' in judgement.by && at > iso(12);
        expect(at < iso(10) || after).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

test('the whole way: from what a registry serves to the judgement', async () => {
  const sigstore = await createSigstore();
  const at = new Date();
  const policy = parseImagePolicy({
    ...base,
    trustedRoot: { ...base.trustedRoot, sha256: sha256(sigstore.trustedRoot), asOf: at.toISOString() },
  });
  const trust = trustOf(policy, sigstore.trustedRoot);
  const judged = async (how: { identity: string; issuer: string }) => {
    const found = [
      await sigstore.bundle(image, { ...how, at, loggedAt: at }),
      await sigstore.simpleSigning(image, { ...how, at, loggedAt: at }),
    ];
    return found.map((one) =>
      codes(judge(evidence([verifyFound(one, image, trust, at)]), policy, new Date(at.getTime() + 60_000))),
    );
  };
  expect(await judged({ identity, issuer })).toEqual([['signed'], ['signed']]);
  const no = ['signer-not-allowed'];
  expect(await judged({ identity: `https://evil.example/${identity}`, issuer })).toEqual([no, no]);
  expect(await judged({ identity: identity.replaceAll('.', 'x'), issuer })).toEqual([no, no]);
  expect(await judged({ identity, issuer: `${issuer}.evil.example` })).toEqual([no, no]);
});
