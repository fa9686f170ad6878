import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { FirebreakError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/json.ts';
import { provenancePredicates } from './signatures/provenance.ts';
import { signaturePredicate } from './signatures/statement.ts';
import { readTrustedRoot, type Trust } from './signatures/trusted-root.ts';

const instant = z.iso.datetime({
  offset: true,
  error: 'must be a time with its zone, such as 2026-11-23T18:00:00Z',
});
const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    'must be 1 to 100 of A-Z a-z 0-9 . _ -, and begin with a letter or digit',
  );
const digest = z.custom<Digest>(
  (value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value),
  'must be sha256: and 64 lower-case hexadecimal digits',
);

/** Compared byte for byte with what the certificate says: whoever writes a pattern here is told that it would match nothing. */
const exact = z
  .string()
  .regex(/^[\x21-\x7e]{1,2000}$/, 'must be printable ASCII without spaces')
  .refine((text) => !text.includes('*'), 'is compared exactly, and cannot have a *: list each one');

const keySigner = z.strictObject({ key: name });
const identitySigner = z.strictObject({ identity: exact, issuer: exact });
const signers = z.array(z.union([keySigner, identitySigner])).min(1);

const repository = z
  .string()
  .max(500)
  .regex(
    /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9-]+(?=:)|\[[0-9a-f:]+\])(:[0-9]{1,5})?(\/([a-z0-9*._-]*[a-z0-9*][a-z0-9*._-]*))+$/,
    'must begin with the registry, without a scheme, and go on with the repository: registry.example/shop/*',
  )
  .refine(
    (pattern) => pattern.split('/').every((part) => part === '**' || !part.includes('**')),
    '** must stand alone between slashes',
  );

const attestation = z
  .strictObject({
    /** Any one of them. */
    predicateTypes: z.array(z.string().min(1).max(1_000)).min(1),
    /** Who may attest; without it, who may sign. */
    signedBy: signers.optional(),
    /** Exactly the builder's id. */
    builder: z.string().min(1).optional(),
    /** Exactly the source's URI. */
    source: z.string().min(1).optional(),
  })
  .refine(
    ({ predicateTypes, builder, source }) =>
      (builder === undefined && source === undefined) ||
      predicateTypes.every((type) => provenancePredicates.includes(type)),
    `a builder or a source can be required only of ${provenancePredicates.join(' and ')}`,
  )
  .refine(
    ({ predicateTypes }) => !predicateTypes.includes(signaturePredicate),
    `${signaturePredicate} is a signature, not an attestation`,
  );

const policySchema = z
  .strictObject({
    /** Each one that covers an image must be satisfied. */
    images: z
      .array(
        z.strictObject({
          /** `*` stands for any run of characters but a slash, `**` for any number of parts. */
          repositories: z.array(repository).min(1),
          /** Any one of them suffices. */
          signedBy: signers,
          /** All of them are needed. */
          attestations: z.array(attestation).default([]),
        }),
      )
      .min(1),
    keys: z
      .record(
        name,
        z.strictObject({
          /** A public key in PEM. */
          pem: z.string(),
          /** It came into being then: nothing can have been signed with it before. */
          validFrom: instant.optional(),
          /** What was provably signed before still counts. */
          revokedAt: instant.optional(),
          /** It was out of reach of whoever the window is about, as in a module that another team holds. */
          outsideWindow: z.boolean().default(false),
        }),
      )
      .default({}),
    revokedIdentities: z
      .array(z.strictObject({ identity: exact, issuer: exact, revokedAt: instant.optional() }))
      .default([]),
    deniedDigests: z.array(digest).default([]),
    /** What may be gone back to where a workload's own history has nothing acceptable: the first that is, and judged like any other. */
    knownGood: z
      .array(z.strictObject({ repositories: z.array(repository).min(1), digest }))
      .max(1_000)
      .default([]),
    /** When somebody else could sign. Without `to` it is still open. */
    window: z
      .strictObject({ from: instant, to: instant.optional() })
      .refine(
        ({ from, to }) => to === undefined || Date.parse(from) <= Date.parse(to),
        '`to` must not be before `from`',
      )
      .optional(),
    /** Needed for signatures with certificates. */
    trustedRoot: z
      .strictObject({
        file: z.string().min(1),
        sha256: digest,
        /** When it was fetched. */
        asOf: instant,
        maxAgeDays: z.int().min(1).max(3_650),
      })
      .optional(),
  })
  .superRefine(({ images, keys, trustedRoot }, context) => {
    const complain = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    images.forEach(({ signedBy, attestations }, image) => {
      const lists = [
        { path: ['images', image, 'signedBy'], list: signedBy },
        ...attestations.map((one, index) => ({
          path: ['images', image, 'attestations', index, 'signedBy'],
          list: one.signedBy ?? [],
        })),
      ];
      for (const { path, list } of lists) {
        list.forEach((signer, index) => {
          if ('key' in signer && !Object.hasOwn(keys, signer.key)) {
            complain([...path, index, 'key'], `there is no key "${signer.key}" under keys`);
          }
          if ('identity' in signer && trustedRoot === undefined) {
            complain([...path, index], 'an identity can be verified only with a trustedRoot');
          }
        });
      }
    });
    const seen = new Map<string, string>();
    for (const [keyName, { pem }] of Object.entries(keys)) {
      const key = usableKey(pem);
      if (typeof key === 'string') {
        complain(['keys', keyName, 'pem'], key);
        continue;
      }
      const spki = key.export({ format: 'der', type: 'spki' }).toString('base64');
      const twin = seen.get(spki);
      if (twin !== undefined) complain(['keys', keyName, 'pem'], `it is the same key as "${twin}"`);
      seen.set(spki, keyName);
    }
  });

/** Which images may run, by who signed and attested them. As the file has it; times are ISO 8601. */
export type ImagePolicy = z.output<typeof policySchema>;
/** One entry of `images`. */
export type ImageRule = ImagePolicy['images'][number];

/**
 * Checks what a policy file says.
 * @throws FirebreakError FB3811 with every fault found
 */
export function parseImagePolicy(value: unknown): ImagePolicy {
  const parsed = policySchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'the file'}: ${message}`,
  );
  throw new FirebreakError('FB3811', `the image policy is not valid\n${faults.join('\n')}`);
}

/**
 * What signatures are verified against under a policy.
 * @param trustedRoot the text of the file that `policy.trustedRoot` names, when it does
 * @throws FirebreakError FB3812 when that text is missing, FB3813 and FB3814 as readTrustedRoot says
 */
export function trustOf(policy: ImagePolicy, trustedRoot?: string): Trust {
  const keys = Object.entries(policy.keys).map(([keyName, { pem }]) => ({
    name: keyName,
    publicKey: createPublicKey(pem),
  }));
  if (policy.trustedRoot === undefined) return { keys };
  if (trustedRoot === undefined) {
    throw new FirebreakError('FB3812', `trustedRoot.file: ${policy.trustedRoot.file} was not read`);
  }
  return { keys, root: readTrustedRoot(trustedRoot, policy.trustedRoot) };
}

const curves = ['prime256v1', 'secp384r1', 'secp521r1'];

/** The key, or what is wrong with it. */
function usableKey(pem: string): KeyObject | string {
  if (!pem.trimStart().startsWith('-----BEGIN PUBLIC KEY-----')) {
    return 'must be a public key in PEM (-----BEGIN PUBLIC KEY-----)';
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    return 'cannot be read: copy the whole public key again';
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const usable =
    type === 'ed25519' ||
    (type === 'ec' && curves.includes(details?.namedCurve ?? '')) ||
    (type === 'rsa' && (details?.modulusLength ?? 0) >= 2_048);
  return usable ? key : 'must be ECDSA (P-256, P-384 or P-521), Ed25519, or RSA of 2048 bits or more';
}
