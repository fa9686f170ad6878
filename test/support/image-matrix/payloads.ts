import { critical, hex, release, saying, zeros } from './by-hand.ts';
import { simplePayload } from './keys.ts';
import type { CaseGroup, ImageCase } from './types.ts';

const cases: readonly Omit<ImageCase, 'allowed'>[] = [
  {
    name: 'made by hand as all that follow, and good: first format',
    make: saying((digest) => simplePayload(digest)),
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: 'payload about another image, first format',
    make: saying((_digest, work) => work.image().then((other) => simplePayload(other))),
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'payload of another type, first format',
    make: saying((digest) =>
      simplePayload(digest, { critical: critical(digest, { type: 'atomic container signature' }) }),
    ),
    cosign: 'accepts',
    firebreak: 'unreadable',
    stricter: 'it is a signature for something else than cosign',
  },
  {
    name: 'payload without a type, first format',
    make: saying((digest) => simplePayload(digest, { critical: critical(digest, { type: undefined }) })),
    cosign: 'accepts',
    firebreak: 'unreadable',
    stricter: 'it does not say that it is a signature of an image',
  },
  {
    name: 'payload with a field that is not known, first format',
    make: saying((digest) =>
      simplePayload(digest, { critical: critical(digest, { more: 1 }), optional: { creator: 'x' } }),
    ),
    cosign: 'accepts',
    firebreak: 'unreadable',
    stricter: 'containers-signature(5) allows no other fields',
  },
  {
    name: 'payload that was signed in another repository, first format',
    make: saying((digest) =>
      simplePayload(digest, {
        critical: critical(digest, { identity: { 'docker-reference': 'evil.example/x' } }),
      }),
    ),
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: 'payload with the digest twice: the last is this image, first format',
    make: saying((digest) =>
      simplePayload(digest).replace(
        '"docker-manifest-digest"',
        `"docker-manifest-digest":"${zeros}","docker-manifest-digest"`,
      ),
    ),
    cosign: 'accepts',
    firebreak: 'unreadable',
    stricter: 'it says two things: which is meant depends on who reads it',
  },
  {
    name: 'payload with another digest under Docker-Manifest-Digest, first format',
    make: saying((digest) =>
      simplePayload(digest, {
        critical: critical(digest, {
          image: { 'docker-manifest-digest': digest, 'Docker-Manifest-Digest': zeros },
        }),
      }),
    ),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'payload with another image under Critical, first format',
    make: saying((digest) => simplePayload(digest, { Critical: critical(zeros) })),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'payload with its digest only under Docker-Manifest-Digest, first format',
    make: saying((digest) =>
      simplePayload(digest, { critical: critical(digest, { image: { 'Docker-Manifest-Digest': digest } }) }),
    ),
    cosign: 'accepts',
    firebreak: 'unreadable',
    stricter: 'names of fields are compared exactly',
  },
  {
    name: 'payload with the digest in capital letters, first format',
    make: saying((digest) =>
      simplePayload(digest, { critical: critical(`sha256:${hex(digest).toUpperCase()}`) }),
    ),
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'payload with something after it, first format',
    make: saying((digest) => `${simplePayload(digest)}{}`),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
  {
    name: 'payload that begins with a byte order mark, first format',
    make: saying((digest) => `\uFEFF${simplePayload(digest)}`),
    cosign: 'refuses',
    firebreak: 'unreadable',
  },
];

export const payloads: CaseGroup = {
  title: 'What is signed, in the first format',
  cases: cases.map((one): ImageCase => ({ ...one, allowed: [release] })),
};
