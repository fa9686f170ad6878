import {
  certificate,
  entryOf,
  exchanged,
  exchangedFirst,
  flipped,
  logged,
  ofPerson,
  person,
  release,
  stamped,
  stamps,
} from './altering.ts';
import { forged, forgedBundle, forgedFirst, forging, minutes } from './keyless.ts';
import { rewritten } from './by-hand.ts';
import type { CaseGroup, ImageCase } from './types.ts';
import type { BundleJson } from './workshop.ts';

export const logs: CaseGroup = {
  title: 'Log entries, timestamps and certificates',
  cases: [
    ofPerson(
      'log entry without its promise, stamped',
      (bundle) => void delete entryOf(bundle).inclusionPromise,
      'accepts',
      { cosign: 'accepts' },
    ),
    {
      ...ofPerson('log entry without its promise, not stamped', () => undefined, 'no-trusted-time'),
      make: rewritten((bundle) => void delete entryOf(bundle).inclusionPromise, { by: person }),
      stamped: false,
    },
    ofPerson(
      'log entry without its proof',
      (bundle) => void delete entryOf(bundle).inclusionProof,
      'unreadable',
    ),
    ofPerson(
      'log entry with neither',
      (bundle) => {
        delete entryOf(bundle).inclusionProof;
        delete entryOf(bundle).inclusionPromise;
      },
      'unreadable',
    ),
    ofPerson(
      'log entry with another time',
      (bundle) => void (entryOf(bundle).integratedTime = String(Number(entryOf(bundle).integratedTime) + 1)),
      'log-entry-invalid',
    ),
    ofPerson(
      'log entry with another index',
      (bundle) => void (entryOf(bundle).logIndex = '7'),
      'log-entry-invalid',
    ),
    ofPerson(
      'log entry with another hash of the root',
      (bundle) => {
        const { inclusionProof } = entryOf(bundle);
        if (inclusionProof) inclusionProof.rootHash = flipped(inclusionProof.rootHash);
      },
      'log-entry-invalid',
    ),
    ofPerson(
      'log entry with another promise',
      (bundle) => {
        const { inclusionPromise } = entryOf(bundle);
        if (inclusionPromise)
          inclusionPromise.signedEntryTimestamp = flipped(inclusionPromise.signedEntryTimestamp);
      },
      'log-entry-invalid',
    ),
    ofPerson(
      'log entry with another body',
      (bundle) => void (entryOf(bundle).canonicalizedBody = flipped(entryOf(bundle).canonicalizedBody, 30)),
      'log-entry-invalid',
    ),
    ofPerson(
      'log entry twice',
      ({ verificationMaterial: { tlogEntries = [] } }) => void tlogEntries.push(...tlogEntries.slice()),
      'timestamp-invalid',
    ),
    ofPerson(
      'log entry with another size of the tree',
      (bundle) => {
        const { inclusionProof } = entryOf(bundle);
        if (inclusionProof) inclusionProof.treeSize = '2';
      },
      'log-entry-invalid',
    ),
    ofPerson(
      'no log entry, stamped',
      ({ verificationMaterial }) => void (verificationMaterial.tlogEntries = []),
      'log-entry-invalid',
    ),
    ofPerson(
      'timestamp of other bytes',
      (bundle) => {
        const [stamp] = stamps(bundle);
        if (stamp)
          stamp.signedTimestamp = flipped(
            stamp.signedTimestamp,
            Buffer.from(stamp.signedTimestamp, 'base64').length - 5,
          );
      },
      'timestamp-invalid',
    ),
    ofPerson(
      'timestamp cut short',
      (bundle) => {
        const [stamp] = stamps(bundle);
        if (stamp) stamp.signedTimestamp = stamp.signedTimestamp.slice(0, 400);
      },
      'unreadable',
    ),
    ofPerson(
      'timestamp twice',
      (bundle) => void stamps(bundle).push(...stamps(bundle).slice()),
      'timestamp-invalid',
      { cosign: 'accepts', stricter: 'nobody has one signature stamped twice with the same' },
    ),
    ...(
      [
        ['in the first Rekor', 'first'],
        ['in Rekor 2', 'second'],
      ] as const
    ).map(([words, log]): ImageCase => ({
      name: `log entry of another signature, ${words}`,
      make: exchanged(
        ({ verificationMaterial }, other) =>
          void (verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries ?? []),
        { by: person, log, stamped: true },
      ),
      allowed: [person],
      stamped: true,
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    })),
    {
      name: 'timestamp of another signature',
      make: exchanged(
        ({ verificationMaterial }, other) =>
          void Object.assign(verificationMaterial, {
            timestampVerificationData: other.verificationMaterial.timestampVerificationData,
          }),
        { by: person, log: 'second', stamped: true },
      ),
      allowed: [person],
      stamped: true,
      cosign: 'refuses',
      firebreak: 'timestamp-invalid',
    },
    {
      name: 'certificate of another signature by the same person',
      make: exchanged(
        ({ verificationMaterial }, other) =>
          void Object.assign(verificationMaterial, { certificate: other.verificationMaterial.certificate }),
        { by: person },
        true,
      ),
      allowed: [person],
      cosign: 'refuses',
      firebreak: 'signature-invalid',
    },
    {
      name: 'key, log entry of another signature',
      make: exchanged(
        ({ verificationMaterial }, other) =>
          void (verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries ?? []),
        { by: release, log: 'first' },
      ),
      allowed: [release],
      log: true,
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'key, timestamp of another signature',
      make: exchanged(
        ({ verificationMaterial }, other) =>
          void Object.assign(verificationMaterial, {
            timestampVerificationData: other.verificationMaterial.timestampVerificationData,
          }),
        { by: release, stamped: true },
      ),
      allowed: [release],
      stamped: true,
      cosign: 'refuses',
      firebreak: 'timestamp-invalid',
    },
    {
      name: 'key, log entry of another signature, where cosign is told to look at no log',
      make: exchanged(
        ({ verificationMaterial }, other) =>
          void (verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries ?? []),
        { by: release, log: 'first' },
      ),
      allowed: [release],
      cosign: 'accepts',
      firebreak: 'log-entry-invalid',
      stricter: 'what is there must hold',
    },
    {
      name: 'log entry of another signature, first format',
      make: exchangedFirst([logged], { by: person }),
      allowed: [person],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'timestamp of another signature, first format',
      make: exchangedFirst([stamped], { by: person, stamped: true }),
      allowed: [person],
      stamped: true,
      cosign: 'refuses',
      firebreak: 'timestamp-invalid',
    },
    {
      name: 'certificate of another signature by the same person, first format',
      make: exchangedFirst([certificate], { by: person }, true),
      allowed: [person],
      cosign: 'refuses',
      firebreak: 'signature-invalid',
    },
    {
      name: 'log entry for another key, bundle',
      make: async (work) =>
        forgedBundle(() => forging({ logged: { verifier: work.bench.keys.other.pem } }))(work),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'log entry for another key, first format',
      make: async (work) =>
        forgedFirst(() => forging({ logged: { verifier: work.bench.keys.other.pem } }))(work),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'log entry over other bytes, bundle',
      make: forgedBundle(() => forging({ logged: { payloadDigest: Buffer.alloc(32) } })),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'log entry over other bytes, first format',
      make: forgedFirst(() => forging({ logged: { digest: Buffer.alloc(32) } })),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'envelope in the log as bare bytes',
      make: forgedBundle(() => forging({ kind: 'hashedrekord 0.0.1' })),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'envelope in the log as an in-toto entry',
      make: forgedBundle(() => forging({ kind: 'intoto 0.0.2' })),
      allowed: [forged],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'in a log that is not in the trusted root',
      make: async (work) => {
        const digest = await forgedBundle(forging)(work);
        const { bundle } = await work.bench.stranger.bundle(digest, forging());
        const other: BundleJson = JSON.parse(Buffer.from(bundle).toString());
        await work.rewrite(digest, ({ verificationMaterial }) => {
          verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries ?? [];
        });
        return digest;
      },
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'signed in the future',
      make: forgedBundle(() => forging({ at: minutes(60), loggedAt: minutes(61) })),
      allowed: [forged],
      cosign: 'accepts',
      firebreak: 'signed-in-future',
      stricter: 'a clock that is ahead by an hour vouches for nothing',
    },
  ],
};
