import { allowed, hex, release, rewritten, stating, subject, zeros } from './by-hand.ts';
import { forged, forgedBundle, forging, minutes } from './keyless.ts';
import { COSIGN_PREDICATE, IN_TOTO, simplePayload, statement } from './keys.ts';
import type { CaseGroup, ImageCase } from './types.ts';
import { DSSE } from './workshop.ts';

const statements: readonly Omit<ImageCase, 'allowed'>[] = [
  {
    name: 'made by hand as all that follow, and good: bundle',
    make: stating((digest) => statement(digest)),
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: 'statement about another image',
    make: stating((_digest, work) => work.image().then((other) => statement(other))),
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'statement about this image and another',
    make: stating((digest) => statement(digest, { subject: [subject(zeros), subject(digest)] })),
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: 'statement about nothing',
    make: stating((digest) => statement(digest, { subject: [] })),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement that names this image by its name only',
    make: stating((digest) =>
      statement(digest, { subject: [{ name: digest, digest: { sha256: hex(zeros) } }] }),
    ),
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'statement that has the digest in capital letters',
    make: stating((digest) =>
      statement(digest, { subject: [{ name: '', digest: { sha256: hex(digest).toUpperCase() } }] }),
    ),
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'statement that has the digest as another algorithm',
    make: stating((digest) =>
      statement(digest, { subject: [{ name: '', digest: { sha512: hex(digest) } }] }),
    ),
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'statement of version 0.1',
    make: stating((digest) => statement(digest, { _type: 'https://in-toto.io/Statement/v0.1' })),
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: 'statement of a version that is not known',
    make: stating((digest) => statement(digest, { _type: 'https://in-toto.io/Statement/v9' })),
    cosign: 'accepts',
    firebreak: 'unreadable',
    stricter: 'what such a statement means is not known',
  },
  {
    name: 'statement with a field that is not known',
    make: stating((digest) => statement(digest, { extra: { a: 1 } })),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement with another predicate',
    make: stating((digest) => statement(digest, { predicateType: 'https://shop.example/scanned/v1' })),
    cosign: 'accepts',
    firebreak: 'attestation-only',
    stricter: 'an attestation says something of an image, and not that it may run',
  },
  {
    name: 'statement whose predicate begins as the right one',
    make: stating((digest) => statement(digest, { predicateType: `${COSIGN_PREDICATE}/evil` })),
    cosign: 'accepts',
    firebreak: 'attestation-only',
    stricter: 'an attestation says something of an image, and not that it may run',
  },
  {
    name: 'statement without a predicate',
    make: stating((digest) => statement(digest, { predicateType: undefined })),
    cosign: 'accepts',
    firebreak: 'unreadable',
    stricter: 'it does not say whether it is a signature',
  },
  {
    name: 'statement under another payload type',
    make: stating((digest) => statement(digest), 'application/json'),
    cosign: 'refuses',
    firebreak: 'wrong-payload-type',
  },
  {
    name: 'statement under a payload type in capital letters',
    make: stating((digest) => statement(digest), IN_TOTO.toUpperCase()),
    cosign: 'refuses',
    firebreak: 'wrong-payload-type',
  },
  {
    name: "the first format's payload in an envelope",
    make: stating((digest) => simplePayload(digest)),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement about more images than are looked at',
    make: stating((digest) =>
      statement(digest, {
        subject: Array.from({ length: 1_025 }, (_, at) => subject(at === 0 ? digest : zeros)),
      }),
    ),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement with half a character',
    make: stating((digest) =>
      statement(digest, { predicate: { a: 'x' } }).replace('"x"', String.raw`"\ud800"`),
    ),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement with a number that no computer holds',
    make: stating((digest) => statement(digest, { predicate: { a: 1 } }).replace('"a":1', '"a":1e999')),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement whose predicate is text',
    make: stating((digest) => statement(digest, { predicate: 'text' })),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement that is no JSON',
    make: stating((digest) => `${statement(digest)}}`),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement with a subject twice: the last is of this image',
    make: stating((digest) =>
      statement(digest).replace('"subject"', `"subject":[${JSON.stringify(subject(zeros))}],"subject"`),
    ),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement with another subject under Subject',
    make: stating((digest) => statement(digest, { Subject: [subject(zeros)] })),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'statement with its subject only under Subject',
    make: stating((digest) => statement(digest, { subject: undefined, Subject: [subject(digest)] })),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'a bundle of another image, copied on',
    async make(work) {
      const [digest, other] = [await work.image(), await work.image()];
      await work.sign(other, { by: release });
      await work.bundles(digest, [(await work.bundle(other)).bundle]);
      return digest;
    },
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'a signature of another image, copied on, first format',
    async make(work) {
      const [digest, other] = [await work.image(), await work.image()];
      await work.sign(other, { by: release, format: 'first' });
      const { payload, annotations } = await work.first(other);
      await work.layers(digest, [{ bytes: payload, annotations }]);
      return digest;
    },
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'the list of referrers of another image',
    async make(work) {
      const [digest, other] = [await work.image(), await work.image()];
      await work.sign(other, { by: release });
      const from = { registry: work.bench.registry.host, repository: work.repository };
      const list = await work.bench.client.manifest(from, other.replace(':', '-'), {
        signal: AbortSignal.timeout(10_000),
      });
      const document: object = JSON.parse(Buffer.from(list.bytes).toString());
      await work.push.manifest(document, digest.replace(':', '-'));
      return digest;
    },
    cosign: 'refuses',
    firebreak: 'not-examined',
  },
  {
    name: 'an attestation in place of a signature, bundle',
    async make(work) {
      const digest = await work.image();
      await work.attest(digest, { by: release, type: 'spdxjson', predicate: { spdxVersion: 'SPDX-2.3' } });
      return digest;
    },
    cosign: 'accepts',
    firebreak: 'attestation-only',
    stricter: 'an attestation says something of an image, and not that it may run',
  },
  {
    name: 'an attestation in place of a signature, first format',
    async make(work) {
      const digest = await work.image();
      const predicate = { spdxVersion: 'SPDX-2.3' };
      await work.attest(digest, { by: release, format: 'first', type: 'spdxjson', predicate });
      return digest;
    },
    cosign: 'refuses',
    firebreak: 'attestation-only',
  },
  {
    name: 'an envelope where signatures are, first format',
    async make(work) {
      const digest = await work.image();
      await work.attest(digest, { by: release, format: 'first', type: 'spdxjson', predicate: {} });
      const { envelope } = await work.envelope(digest);
      const { signatures }: { signatures: { sig: string }[] } = JSON.parse(Buffer.from(envelope).toString());
      const annotations = { 'dev.cosignproject.cosign/signature': signatures[0]?.sig ?? '' };
      await work.layers(digest, [{ bytes: envelope, annotations, mediaType: DSSE }]);
      return digest;
    },
    cosign: 'refuses',
    firebreak: 'unknown-key',
  },
  {
    name: 'an envelope with two signatures, of which the first holds',
    make: rewritten(({ dsseEnvelope }) => void dsseEnvelope.signatures.push({ sig: 'AAAA' })),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'an envelope with its signature twice',
    make: rewritten(({ dsseEnvelope: { signatures } }) => void signatures.push(...signatures.slice())),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'an envelope without a signature',
    make: rewritten(({ dsseEnvelope }) => void dsseEnvelope.signatures.pop()),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
];

export const contents: CaseGroup = {
  title: 'What is signed',
  cases: [
    ...statements.map((one): ImageCase => ({ ...one, allowed })),
    {
      name: 'a bundle over bare bytes, about this image',
      make: forgedBundle(forging, { message: true }),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'wrong-payload-type',
    },
    {
      name: 'a certificate over a statement about another image',
      make: async (work) => {
        const digest = await work.image();
        const { bundle } = await work.bench.forge.bundle(await work.image(), forging());
        await work.bundles(digest, [bundle]);
        return digest;
      },
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'wrong-subject',
    },
    {
      name: 'a certificate over another payload type',
      make: forgedBundle(forging, { payloadType: 'application/json' }),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'wrong-payload-type',
    },
    {
      name: 'a certificate over another predicate',
      make: forgedBundle(() => forging({ loggedAt: minutes(2) }), {
        predicateType: 'https://shop.example/scanned/v1',
      }),
      allowed: [forged],
      cosign: 'accepts',
      firebreak: 'attestation-only',
      stricter: 'an attestation says something of an image, and not that it may run',
    },
  ],
};
