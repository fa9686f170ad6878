import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Found, FoundBundle } from '../../../activities/images/signatures/found.ts';
import type { Trust } from '../../../activities/images/signatures/trusted-root.ts';
import { verifyFound } from '../../../activities/images/signatures/verify.ts';
import { sha256, type Digest } from '../../../domain/json.ts';
import type { RekorKind } from '../../support/rekor-bodies.ts';
import { createSigstore } from '../../support/sigstore.ts';

const image = sha256('the image');
const other = sha256('another image');
const identity = 'https://git.example/shop/api/.ci/release.yml@refs/heads/main';
const issuer = 'https://ci.example';
const minute = 60_000;
const start = Date.now();
/** Authorities exist from now on, so what they do lies ahead. */
const later = (minutes: number): Date => new Date(Math.floor(start / 1_000) * 1_000 + minutes * minute);
const now = later(0);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const logAnnotation = 'dev.sigstore.cosign/bundle';

let sigstore: Awaited<ReturnType<typeof createSigstore>>;
let trust: Trust;
beforeAll(async () => {
  sigstore = await createSigstore();
  trust = {
    keys: [{ name: 'release', publicKey: publicKey }],
    root: sigstore.pinned(),
  };
});

/** `signed`, or the code of the refusal. */
function outcome(found: Found, about: Digest = image, against: Trust = trust, at: Date = now): string {
  const claim = verifyFound(found, about, against, at);
  return 'refused' in claim ? claim.refused.code : (claim.predicateType ?? 'signed');
}

const keyless = (more: object = {}) => ({
  identity,
  issuer,
  at: later(10),
  loggedAt: later(11) as Date | undefined,
  ...more,
});

/** What is altered of a bundle. */
interface RawBundle {
  dsseEnvelope: { payloadType: string; signatures: object[] };
  verificationMaterial: {
    certificate: { rawBytes: string };
    publicKey: object;
    tlogEntries: { inclusionPromise?: object; integratedTime: string }[];
    timestampVerificationData: object;
  };
}

function rawOf({ bundle }: FoundBundle): RawBundle {
  const raw: RawBundle = JSON.parse(Buffer.from(bundle).toString('utf8'));
  return raw;
}

/** The bundle with something of it replaced. */
function altered(found: FoundBundle, alter: (bundle: RawBundle) => void): FoundBundle {
  const bundle = rawOf(found);
  alter(bundle);
  return { ...found, bundle: Buffer.from(JSON.stringify(bundle)) };
}

describe('a signature with a certificate', () => {
  test('holds in both formats: who, when at the latest, and not before what', async () => {
    for (const found of [
      await sigstore.bundle(image, keyless()),
      await sigstore.simpleSigning(image, keyless()),
    ]) {
      expect(verifyFound(found, image, trust, now)).toEqual({
        where: found.where,
        by: { identity, issuer },
        signedAt: later(11),
        notBefore: later(10),
      });
    }
  });

  test('has the earlier time of log and timestamp authority', async () => {
    const stamped = keyless({ loggedAt: later(13), stampedAt: later(12) });
    for (const found of [
      await sigstore.bundle(image, stamped),
      await sigstore.simpleSigning(image, stamped),
    ]) {
      expect(verifyFound(found, image, trust, now)).toMatchObject({ signedAt: later(12) });
    }
  });

  test('is refused when it is about another image, or is not what it should be', async () => {
    expect(outcome(await sigstore.bundle(other, keyless()))).toBe('wrong-subject');
    expect(outcome(await sigstore.simpleSigning(other, keyless()))).toBe('wrong-subject');
    const statement = (changes: object) => ({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: image.slice(7) } }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
      ...changes,
    });
    const cases: [string, string, object][] = [
      ['unreadable', 'another kind of statement', { _type: 'https://example.com/Statement/v1' }],
      ['unreadable', 'no subject', { subject: [] }],
      ['unreadable', 'no predicate type', { predicateType: undefined }],
      ['wrong-subject', 'another digest', { subject: [{ digest: { sha256: other.slice(7) } }] }],
      ['wrong-subject', 'in capitals', { subject: [{ digest: { sha256: image.slice(7).toUpperCase() } }] }],
      ['wrong-subject', 'with its algorithm', { subject: [{ digest: { sha256: image } }] }],
      ['wrong-subject', 'under another hash', { subject: [{ digest: { sha512: image.slice(7) } }] }],
      ['wrong-subject', 'as a name', { subject: [{ name: image, digest: {} }] }],
    ];
    for (const [code, what, changes] of cases) {
      const found = await sigstore.bundle(image, keyless(), { statement: statement(changes) });
      expect([what, outcome(found)]).toEqual([what, code]);
    }
    const among = {
      subject: [{ digest: { sha256: other.slice(7) } }, { digest: { sha256: image.slice(7) } }],
    };
    expect(outcome(await sigstore.bundle(image, keyless(), { statement: statement(among) }))).toBe('signed');
  });

  test('is refused when what is signed is not an in-toto statement', async () => {
    const typed = await sigstore.bundle(image, keyless(), { payloadType: 'application/json' });
    expect(outcome(typed)).toBe('wrong-payload-type');
    const relabelled = altered(typed, (bundle) => {
      bundle.dsseEnvelope.payloadType = 'application/vnd.in-toto+json';
    });
    expect(outcome(relabelled)).toBe('signature-invalid');
    expect(outcome(await sigstore.bundle(image, keyless(), { message: true }))).toBe('wrong-payload-type');
  });

  test('is an attestation, whose predicate is named, when it is not a signature', async () => {
    const predicateType = 'https://sigstore.dev/cosign/sign/v10';
    expect(outcome(await sigstore.bundle(image, keyless(), { predicateType }))).toBe(predicateType);
  });

  test('is refused without a time that somebody vouches for, and without a log', async () => {
    const nothing = keyless({ loggedAt: undefined });
    expect(outcome(await sigstore.bundle(image, nothing))).toBe('no-trusted-time');
    expect(outcome(await sigstore.simpleSigning(image, nothing))).toBe('no-trusted-time');
    const stamped = keyless({ loggedAt: undefined, stampedAt: later(11) });
    expect(outcome(await sigstore.bundle(image, stamped))).toBe('log-entry-invalid');
    const unpromised = altered(await sigstore.bundle(image, keyless()), ({ verificationMaterial }) => {
      for (const entry of verificationMaterial.tlogEntries) delete entry.inclusionPromise;
    });
    expect(outcome(unpromised)).toBe('no-trusted-time');
  });

  test('is refused when its certificate was not valid at that time', async () => {
    for (const when of [
      { loggedAt: later(21) },
      { loggedAt: later(9) },
      { loggedAt: later(11), stampedAt: later(21) },
    ]) {
      expect(outcome(await sigstore.bundle(image, keyless(when)))).toBe('certificate-expired');
      expect(outcome(await sigstore.simpleSigning(image, keyless(when)))).toBe('certificate-expired');
    }
  });

  test('is refused when the log has it for another artefact, signature or signer', async () => {
    const foreign = rawOf(await sigstore.bundle(image, keyless())).verificationMaterial.certificate.rawBytes;
    const pem = `-----BEGIN CERTIFICATE-----\n${foreign}\n-----END CERTIFICATE-----\n`;
    for (const logged of [
      { digest: Buffer.alloc(32), payloadDigest: Buffer.alloc(32) },
      { signature: Buffer.from('another') },
      { verifier: pem },
      { verifier: 'nobody' },
      { verifier: '' },
    ]) {
      expect(outcome(await sigstore.bundle(image, keyless({ logged })))).toBe('log-entry-invalid');
      expect(outcome(await sigstore.simpleSigning(image, keyless({ logged })))).toBe('log-entry-invalid');
    }
    const [mine, theirs] = [
      await sigstore.simpleSigning(image, keyless()),
      await sigstore.simpleSigning(other, keyless()),
    ];
    const log = theirs.annotations[logAnnotation] ?? '';
    expect(log).not.toBe('');
    const swapped = { ...mine, annotations: { ...mine.annotations, [logAnnotation]: log } };
    expect(outcome(swapped)).toBe('log-entry-invalid');
  });

  test.each<RekorKind>(['dsse 0.0.1', 'intoto 0.0.2', 'hashedrekord 0.0.2'])(
    'is held against a log entry of the kind %s',
    async (kind) => {
      const how = keyless({ kind, loggedAt: later(11), stampedAt: later(12) });
      const promised = kind === 'dsse 0.0.1' || kind === 'intoto 0.0.2';
      const claim = verifyFound(await sigstore.bundle(image, how), image, trust, now);
      expect(claim).toMatchObject({ by: { identity, issuer }, signedAt: later(promised ? 11 : 12) });
      const verifier = publicKey.export({ format: 'pem', type: 'spki' }).toString();
      for (const logged of [
        { digest: Buffer.alloc(32), payloadDigest: Buffer.alloc(32) },
        { signature: Buffer.from('another') },
        { verifier },
      ]) {
        const found = await sigstore.bundle(image, { ...how, logged });
        expect(outcome(found)).toBe('log-entry-invalid');
      }
    },
  );

  test.each<RekorKind>(['hashedrekord 0.0.1', 'dsse 0.0.2'])(
    'is refused, as cosign refuses it, with a log entry of the kind %s for a statement',
    async (kind) => {
      const how = keyless({ kind, stampedAt: later(12) });
      expect(outcome(await sigstore.bundle(image, how))).toBe('log-entry-invalid');
    },
  );

  test('is refused when the log entry says another time than the log signed', async () => {
    const moved = altered(await sigstore.bundle(image, keyless()), ({ verificationMaterial }) => {
      for (const entry of verificationMaterial.tlogEntries) {
        entry.integratedTime = String(later(12).getTime() / 1_000);
      }
    });
    expect(outcome(moved)).toBe('log-entry-invalid');
    const one = await sigstore.simpleSigning(image, keyless());
    const log = JSON.parse(one.annotations[logAnnotation] ?? '');
    log.Payload.integratedTime += 60;
    const annotations = { ...one.annotations, [logAnnotation]: JSON.stringify(log) };
    expect(outcome({ ...one, annotations })).toBe('log-entry-invalid');
  });

  test('is refused when an entry counts twice, or there are too many', async () => {
    const found = await sigstore.bundle(image, keyless());
    const times = (count: number) =>
      altered(found, ({ verificationMaterial }) => {
        const { tlogEntries } = verificationMaterial;
        verificationMaterial.tlogEntries = Array.from({ length: count }, () => tlogEntries).flat();
      });
    expect(outcome(times(2))).toBe('timestamp-invalid');
    expect(outcome(times(9))).toBe('unreadable');
  });

  test('is refused when the timestamp is of another signature', async () => {
    const stamped = keyless({ stampedAt: later(12) });
    const [mine, theirs] = [await sigstore.bundle(image, stamped), await sigstore.bundle(image, stamped)];
    const stamps = rawOf(theirs).verificationMaterial.timestampVerificationData;
    const swapped = altered(mine, (bundle) => {
      bundle.verificationMaterial.timestampVerificationData = stamps;
    });
    expect(outcome(swapped)).toBe('timestamp-invalid');
  });

  test('is refused by another authority, by none, and by one that is too old', async () => {
    const found = await sigstore.bundle(image, keyless());
    const stranger = await createSigstore();
    expect(outcome(await stranger.bundle(image, keyless()))).toBe('certificate-untrusted');
    expect(outcome(found, image, { keys: trust.keys })).toBe('no-trusted-root');
    const root = sigstore.pinned(now, 7);
    expect(outcome(found, image, { keys: [], root }, later(7 * 24 * 60))).toBe('signed');
    expect(outcome(found, image, { keys: [], root }, later(7 * 24 * 60 + 1))).toBe('trusted-root-stale');
    expect(outcome(found, image, { keys: [], root }, later(-6))).toBe('trusted-root-stale');
  });

  test('is refused when no log has its certificate', async () => {
    const secretive = await createSigstore({ certificatesLogged: false });
    const found = await secretive.bundle(image, keyless());
    expect(outcome(found, image, { keys: [], root: secretive.pinned() })).toBe('certificate-untrusted');
  });

  test('is refused when the log had another key by then', async () => {
    const root = sigstore.pinned();
    const { material } = root;
    const retired = {
      ...material,
      tlogs: material.tlogs.map((log) => ({ ...log, validFor: { ...log.validFor, end: later(5) } })),
    };
    const found = await sigstore.bundle(image, keyless());
    expect(outcome(found, image, { keys: [], root: { ...root, material: retired } })).toBe(
      'log-entry-invalid',
    );
    // With a time from elsewhere, and a proof that says nothing of when: @sigstore/verify lets this pass.
    const proofOnly = altered(
      await sigstore.bundle(image, keyless({ stampedAt: later(12) })),
      ({ verificationMaterial: { tlogEntries } }) => {
        for (const entry of tlogEntries) {
          delete entry.inclusionPromise;
          entry.integratedTime = '0';
        }
      },
    );
    expect(outcome(proofOnly)).toBe('signed');
    expect(outcome(proofOnly, image, { keys: [], root: { ...root, material: retired } })).toBe(
      'log-entry-invalid',
    );
  });
});

const byKey = (more: object = {}) => ({ key: privateKey, ...more });

/** The outcome of a payload that was changed before it was signed. */
const ofPayload = async (changed: (payload: string) => string | Buffer) =>
  outcome(await sigstore.simpleSigning(image, byKey(), changed));

describe('a signature with a key', () => {
  test('has no time of its own, and the one of a log or a timestamp authority', async () => {
    for (const [when, expected] of [
      [{}, {}],
      [{ loggedAt: later(3) }, { signedAt: later(3) }],
      [{ stampedAt: later(4) }, { signedAt: later(4) }],
      [{ loggedAt: later(6), stampedAt: later(5) }, { signedAt: later(5) }],
    ]) {
      for (const found of [
        await sigstore.bundle(image, byKey(when)),
        await sigstore.simpleSigning(image, byKey(when)),
      ]) {
        const claim = { where: found.where, by: { key: 'release' }, ...expected };
        expect(verifyFound(found, image, trust, now)).toEqual(claim);
      }
    }
  });

  test('has none that is believed without a trusted root', async () => {
    const found = await sigstore.bundle(image, byKey({ loggedAt: later(3) }));
    const claim = verifyFound(found, image, { keys: trust.keys }, now);
    expect(claim).toEqual({ where: found.where, by: { key: 'release' } });
  });

  test('is refused when what a log or a timestamp authority says of it is false', async () => {
    const logged = (how: object) => sigstore.bundle(image, byKey({ loggedAt: later(3), logged: how }));
    expect(outcome(await logged({ payloadDigest: Buffer.alloc(32) }))).toBe('log-entry-invalid');
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const verifier = stranger.publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expect(outcome(await logged({ verifier }))).toBe('log-entry-invalid');
    const elsewhere = await createSigstore();
    expect(outcome(await elsewhere.bundle(image, byKey({ loggedAt: later(3) })))).toBe('log-entry-invalid');
    expect(outcome(await elsewhere.bundle(image, byKey({ stampedAt: later(3) })))).toBe('timestamp-invalid');
    const stale = { keys: trust.keys, root: sigstore.pinned(now, 1) };
    const found = await sigstore.bundle(image, byKey({ loggedAt: later(3) }));
    expect(outcome(found, image, stale, later(24 * 60 + 1))).toBe('trusted-root-stale');
  });

  test('does not take the key that the bundle hints at', async () => {
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const found = altered(await sigstore.bundle(image, { key: stranger }), (bundle) => {
      bundle.verificationMaterial.publicKey = { hint: 'release' };
    });
    expect(outcome(found)).toBe('unknown-key');
  });

  test('is of a payload that is one, and in UTF-8', async () => {
    expect(await ofPayload((payload) => payload)).toBe('signed');
    expect(await ofPayload((payload) => payload.replace('cosign container', 'atomic container'))).toBe(
      'unreadable',
    );
    expect(await ofPayload((payload) => payload.replace('"critical"', '"Critical"'))).toBe('unreadable');
    expect(await ofPayload((payload) => Buffer.from(payload.replace('shop', 'shøp'), 'latin1'))).toBe(
      'unreadable',
    );
    expect(await ofPayload((payload) => Buffer.from(payload.replace('shop', 'shøp'), 'utf8'))).toBe('signed');
  });

  test('is refused with two signatures, of which only one is good', async () => {
    const found = altered(await sigstore.bundle(image, byKey()), ({ dsseEnvelope }) => {
      dsseEnvelope.signatures.push({ sig: Buffer.from('no').toString('base64'), keyid: '' });
    });
    expect(outcome(found)).toBe('unreadable');
  });
});

test.each([
  'dev.cosignproject.cosign/signature',
  'dev.sigstore.cosign/certificate',
  'dev.sigstore.cosign/bundle',
  'dev.sigstore.cosign/rfc3161timestamp',
])('a layer whose annotation %s is garbage is refused', async (name) => {
  const one = await sigstore.simpleSigning(image, keyless({ stampedAt: later(12) }));
  for (const text of [
    'x',
    '{}',
    'null',
    '{"SignedRFC3161Timestamp":"MAA="}',
    '𝒳',
    '-----BEGIN CERTIFICATE-----',
  ]) {
    // `null` is base64 too, of a signature that nobody stamped.
    const codes = name.endsWith('/signature') ? ['unreadable', 'timestamp-invalid'] : ['unreadable'];
    expect(codes).toContain(outcome({ ...one, annotations: { ...one.annotations, [name]: text } }));
  }
});
