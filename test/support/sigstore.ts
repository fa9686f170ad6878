import { createPublicKey, generateKeyPairSync, hash, sign, type KeyObject } from 'node:crypto';
import { bundleToJSON, toDSSEBundle, toMessageSignatureBundle, type Bundle } from '@sigstore/bundle';
import { dsse, pem } from '@sigstore/core';
import { initializeCA, initializeCTLog, initializeTLog, initializeTSA } from '@sigstore/mock';
import { HashAlgorithm, PublicKeyDetails, TrustedRoot } from '@sigstore/protobuf-specs';
import type { FoundBundle, FoundSimpleSigning } from '../../activities/images/signatures/found.ts';
import { rekorBodies, type Logged, type RekorKind } from './rekor-bodies.ts';
import { readTrustedRoot, type PinnedRoot } from '../../activities/images/signatures/trusted-root.ts';
import { sha256, type Digest } from '../../domain/json.ts';

const payloadType = 'application/vnd.in-toto+json';
const signaturePredicate = 'https://sigstore.dev/cosign/sign/v1';
const manifestDigest: Digest = `sha256:${'0'.repeat(64)}`;

/** Who signs, and when: by a certificate when it names an identity, else by a key. */
export interface Signing {
  identity?: string;
  issuer?: string;
  key?: KeyObject;
  /** When the certificate is issued; `loggedAt` and `stampedAt` say when a log and a timestamp authority saw the signature. */
  at?: Date;
  loggedAt?: Date | undefined;
  stampedAt?: Date | undefined;
  /** What the log has: the signature, unless another is given. */
  logged?: Partial<Logged>;
  /** How the log keeps it; a second-generation log promises no time. */
  kind?: RekorKind;
}

/** As Rekor's API answers. */
interface LogEntry {
  body: string;
  integratedTime: number;
  logID: string;
  logIndex: number;
  verification: {
    signedEntryTimestamp: string;
    inclusionProof: {
      logIndex: number;
      treeSize: number;
      rootHash: string;
      hashes: string[];
      checkpoint: string;
    };
  };
}

interface Signed {
  signature: Buffer;
  certificate: Buffer | undefined;
  entry: LogEntry | undefined;
  timestamp: Buffer | undefined;
}

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

const bytes = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

const log = (baseUrl: string, publicKey: Buffer) => ({
  baseUrl,
  hashAlgorithm: HashAlgorithm.SHA2_256,
  publicKey: {
    rawBytes: publicKey,
    keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256,
    validFor: { start: new Date(0) },
  },
  logId: { keyId: hash('sha256', publicKey, 'buffer') },
  checkpointKeyId: undefined,
  operator: '',
});
const authority = (...certificates: Buffer[]) => ({
  subject: undefined,
  uri: '',
  certChain: { certificates: certificates.map((rawBytes) => ({ rawBytes })) },
  validFor: { start: new Date(0) },
  operator: '',
});

/** Fulcio, its certificate log, Rekor and a timestamp authority, in memory and with clocks that can be set. */
export async function createSigstore({ certificatesLogged = true } = {}) {
  const clock = new Date();
  const ctLog = await initializeCTLog(pair(), clock);
  const ca = await initializeCA(pair(), certificatesLogged ? ctLog : undefined, clock);
  const tlog = await initializeTLog('https://rekor.example', pair(), clock);
  const tsa = await initializeTSA(pair(), clock);
  const trustedRoot = JSON.stringify(
    TrustedRoot.toJSON({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [log('https://rekor.example', tlog.publicKey)],
      ctlogs: [log('https://ctfe.example', ctLog.publicKey)],
      certificateAuthorities: [authority(bytes(ca.rootCertificate))],
      timestampAuthorities: [authority(bytes(tsa.intCertificate), bytes(tsa.rootCertificate))],
    }),
  );

  async function signed(message: Buffer, payload: Buffer, kind: RekorKind, how: Signing): Promise<Signed> {
    const { publicKey, privateKey } = pair();
    const signature = sign(undefined, message, how.key ?? privateKey);
    let certificate: Buffer | undefined;
    let verifier = how.key === undefined ? '' : publicPem(how.key);
    if (how.identity !== undefined) {
      clock.setTime((how.at ?? how.loggedAt ?? new Date()).getTime());
      const issued = await ca.issueCertificate({
        publicKey: publicKey.export({ format: 'der', type: 'spki' }),
        subjectAltName: how.identity,
        // As Fulcio does: cosign reads the one in its first format, and the other in bundles.
        extensions: [
          { oid: '1.3.6.1.4.1.57264.1.1', value: how.issuer ?? '', legacy: true },
          { oid: '1.3.6.1.4.1.57264.1.8', value: how.issuer ?? '' },
        ],
      });
      certificate = bytes(issued);
      verifier = pem.fromDER(certificate);
    }
    let entry: LogEntry | undefined;
    if (how.loggedAt !== undefined) {
      clock.setTime(how.loggedAt.getTime());
      const body = rekorBodies[how.kind ?? kind]({
        signature,
        digest: hash('sha256', message, 'buffer'),
        payloadDigest: hash('sha256', payload, 'buffer'),
        verifier,
        ...how.logged,
      });
      const answer: Record<string, LogEntry> = await tlog.log(body);
      entry = Object.values(answer)[0];
    }
    let timestamp: Buffer | undefined;
    if (how.stampedAt !== undefined) {
      clock.setTime(how.stampedAt.getTime());
      timestamp = bytes(
        await tsa.timestamp({
          artifactHash: hash('sha256', signature, 'buffer'),
          hashAlgorithmOID: '2.16.840.1.101.3.4.2.1',
          nonce: 1,
          policyOID: '1.3.6.1.4.1.57264.2',
        }),
      );
    }
    return { signature, certificate, entry, timestamp };
  }

  return {
    trustedRoot,
    /** That root, pinned today. */
    pinned: (asOf = new Date(), maxAgeDays = 30): PinnedRoot =>
      readTrustedRoot(trustedRoot, { sha256: sha256(trustedRoot), asOf: asOf.toISOString(), maxAgeDays }),

    /** A bundle that is about `image`, or that has the statement and payload type given. */
    async bundle(
      image: Digest,
      how: Signing,
      other: { statement?: unknown; payloadType?: string; predicateType?: string; message?: boolean } = {},
    ): Promise<FoundBundle> {
      const statement = other.statement ?? {
        _type: 'https://in-toto.io/Statement/v1',
        subject: [{ name: '', digest: { sha256: image.slice('sha256:'.length) } }],
        predicateType: other.predicateType ?? signaturePredicate,
        predicate: {},
      };
      const type = other.payloadType ?? payloadType;
      const payload = Buffer.from(JSON.stringify(statement));
      const message = other.message === true ? payload : dsse.preAuthEncoding(type, payload);
      const digest = hash('sha256', message, 'buffer');
      const { signature, certificate, entry, timestamp } = await signed(
        message,
        payload,
        other.message === true ? 'hashedrekord 0.0.1' : 'dsse 0.0.1',
        how,
      );
      const common = certificate === undefined ? { signature } : { signature, certificate };
      const bundle: Bundle =
        other.message === true
          ? toMessageSignatureBundle({ ...common, digest })
          : toDSSEBundle({ ...common, artifact: payload, artifactType: type });
      const serialized = bundleToJSON(bundle);
      return {
        way: 'bundle',
        where: 'registry.example/shop/api, bundle',
        manifestDigest,
        bundle: Buffer.from(
          JSON.stringify({
            ...serialized,
            verificationMaterial: {
              ...serialized.verificationMaterial,
              tlogEntries: entry === undefined ? [] : [entryOfBundle(entry)],
              timestampVerificationData: {
                rfc3161Timestamps:
                  timestamp === undefined ? [] : [{ signedTimestamp: timestamp.toString('base64') }],
              },
            },
          }),
        ),
      };
    },

    /** The same in cosign's first format. */
    async simpleSigning(
      image: Digest,
      how: Signing,
      changed: (payload: string) => string | Buffer = (payload) => payload,
    ): Promise<FoundSimpleSigning> {
      const text = JSON.stringify({
        critical: {
          identity: { 'docker-reference': 'registry.example/shop/api' },
          image: { 'docker-manifest-digest': image },
          type: 'cosign container image signature',
        },
        optional: null,
      });
      const payload = Buffer.from(changed(text));
      const { signature, certificate, entry, timestamp } = await signed(
        payload,
        payload,
        'hashedrekord 0.0.1',
        how,
      );
      return {
        way: 'simple-signing',
        where: 'registry.example/shop/api, layer 0',
        manifestDigest,
        payload,
        annotations: {
          'dev.cosignproject.cosign/signature': signature.toString('base64'),
          ...(certificate === undefined
            ? {}
            : { 'dev.sigstore.cosign/certificate': pem.fromDER(certificate) }),
          ...(entry === undefined ? {} : { 'dev.sigstore.cosign/bundle': entryOfAnnotation(entry) }),
          ...(timestamp === undefined
            ? {}
            : {
                'dev.sigstore.cosign/rfc3161timestamp': JSON.stringify({
                  SignedRFC3161Timestamp: timestamp.toString('base64'),
                }),
              }),
        },
      };
    },
  };
}

/** The public half of a key in PEM, as cosign writes it. */
function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString();
}

function entryOfBundle({ body, integratedTime, logID, logIndex, verification }: LogEntry): object {
  const { kind, apiVersion }: { kind: string; apiVersion: string } = JSON.parse(
    Buffer.from(body, 'base64').toString('utf8'),
  );
  const promised = apiVersion === '0.0.1' || kind === 'intoto';
  const { logIndex: leaf, treeSize, rootHash, checkpoint } = verification.inclusionProof;
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logID, 'hex').toString('base64') },
    kindVersion: { kind, version: apiVersion },
    integratedTime: promised ? String(integratedTime) : '0',
    ...(promised ? { inclusionPromise: { signedEntryTimestamp: verification.signedEntryTimestamp } } : {}),
    inclusionProof: {
      logIndex: String(leaf),
      treeSize: String(treeSize),
      rootHash: Buffer.from(rootHash, 'hex').toString('base64'),
      hashes: [],
      checkpoint: { envelope: checkpoint },
    },
    canonicalizedBody: body,
  };
}

function entryOfAnnotation({ body, integratedTime, logID, logIndex, verification }: LogEntry): string {
  return JSON.stringify({
    SignedEntryTimestamp: verification.signedEntryTimestamp,
    Payload: { body, integratedTime, logIndex, logID },
  });
}
