import type { Digest } from '../../../domain/json.ts';
import { keyNames, type CaseGroup, type ImageCase } from './types.ts';
import { signed } from './keys.ts';
import type { How, Workshop } from './workshop.ts';

const release = { key: 'release' } as const;
const person = { identity: 'release@shop.example' } as const;

const hours = (from: number): string => new Date(Date.now() + from * 3_600_000).toISOString();

/** The keys, of which `release` has these facts. */
const keyWith =
  (facts: () => object, more: () => object = () => ({})) =>
  (_digest: Digest, { bench }: Workshop): object => ({
    keys: Object.fromEntries(
      keyNames.map((name) => [name, { pem: bench.keys[name].pem, ...(name === 'release' ? facts() : {}) }]),
    ),
    ...more(),
  });

const revoked =
  (revocation: () => object) =>
  (_digest: Digest, { bench }: Workshop): object => ({
    revokedIdentities: [{ ...person, issuer: bench.issuerOf(person), ...revocation() }],
  });

const window = (from: number, to?: number) => (): object => ({
  window: { from: hours(from), ...(to === undefined ? {} : { to: hours(to) }) },
});

/** Good by all that cosign can be asked; what the policy says beside decides. */
const judged = (
  name: string,
  how: How,
  policy: NonNullable<ImageCase['policy']>,
  firebreak: ImageCase['firebreak'],
  stricter?: string,
): ImageCase => ({
  name,
  make: signed(how),
  allowed: [how.by],
  ...(how.log === undefined || 'identity' in how.by ? {} : { log: true }),
  ...(how.stamped === undefined ? {} : { stamped: how.stamped }),
  policy,
  cosign: 'accepts',
  firebreak,
  ...(stricter === undefined ? {} : { stricter }),
});

const logged: How = { by: release, log: 'first' };
const stampedAlone: How = { by: release, stamped: true };
const plain: How = { by: release };
const certified: How = { by: person, log: 'second', stamped: true };

const revocation = 'cosign knows no revocation';
const denial = 'cosign knows no denied digests';
const times = 'cosign knows no window';

export const policies: CaseGroup = {
  title: 'What a policy says beside',
  cases: [
    judged(
      'a key revoked an hour ago, signature in a log',
      logged,
      keyWith(() => ({ revokedAt: hours(-1) })),
      'key-revoked',
      revocation,
    ),
    judged(
      'a key revoked an hour ago, nobody vouches for the time',
      plain,
      keyWith(() => ({ revokedAt: hours(-1) })),
      'key-revoked',
      revocation,
    ),
    judged(
      'a key that will be revoked, signature in a log',
      logged,
      keyWith(() => ({ revokedAt: hours(1) })),
      'accepts',
    ),
    judged(
      'a key that will be revoked, signature stamped',
      stampedAlone,
      keyWith(() => ({ revokedAt: hours(1) })),
      'accepts',
    ),
    judged(
      'a key that will be revoked, nobody vouches for the time',
      plain,
      keyWith(() => ({ revokedAt: hours(1) })),
      'key-revoked',
      revocation,
    ),
    judged(
      'a key that was not yet in use',
      logged,
      keyWith(() => ({ validFrom: hours(1) })),
      'key-not-yet-valid',
      'cosign knows no beginning of a key',
    ),
    judged(
      'a person who is revoked',
      certified,
      revoked(() => ({})),
      'identity-revoked',
      revocation,
    ),
    judged(
      'a person revoked an hour ago',
      certified,
      revoked(() => ({ revokedAt: hours(-1) })),
      'identity-revoked',
      revocation,
    ),
    judged(
      'a person who will be revoked',
      certified,
      revoked(() => ({ revokedAt: hours(1) })),
      'accepts',
    ),
    judged('the digest is denied', plain, (digest) => ({ deniedDigests: [digest] }), 'digest-denied', denial),
    judged('signed inside the window, by a key in a log', logged, window(-1), 'signed-in-window', times),
    judged('signed inside the window, by a person', certified, window(-1, 1), 'signed-in-window', times),
    judged('signed after the window, by a person', certified, window(-2, -1), 'accepts'),
    judged(
      'stamped after the window, by a key',
      stampedAlone,
      window(-2, -1),
      'perhaps-signed-in-window',
      times,
    ),
    judged(
      'stamped after the window, by a key made after it',
      stampedAlone,
      keyWith(() => ({ validFrom: hours(-0.5) }), window(-2, -1)),
      'accepts',
    ),
    judged(
      'stamped after the window, by a key that was out of reach',
      stampedAlone,
      keyWith(() => ({ outsideWindow: true }), window(-2, -1)),
      'accepts',
    ),
    judged('signed before the window', logged, window(1), 'accepts'),
    judged(
      'by a key, with a window, nobody vouches for the time',
      plain,
      window(-2, -1),
      'no-trusted-time',
      times,
    ),
    {
      name: 'the digest of one platform is denied',
      async make(work) {
        const { digest } = await work.index();
        await work.sign(digest, { by: release });
        return digest;
      },
      allowed: [release],
      policy: (_digest, work) => ({ deniedDigests: denied(work) }),
      cosign: 'accepts',
      firebreak: 'digest-denied',
      stricter: denial,
    },
    {
      name: 'a repository that the policy says nothing of',
      make: signed(plain),
      allowed: [release],
      policy: () => ({ images: [{ repositories: ['registry.example/*'], signedBy: [release] }] }),
      cosign: 'accepts',
      firebreak: 'repository-not-covered',
      stricter: 'cosign is asked about one image at a time',
    },
    {
      name: 'two entries cover the repository, and one is met',
      make: signed(plain),
      allowed: [release],
      policy: (_digest, { bench, repository }) => ({
        images: [
          { repositories: [`${bench.registry.host}/case/*`], signedBy: [release] },
          { repositories: [`${bench.registry.host}/${repository}`], signedBy: [{ key: 'rsa' }] },
        ],
      }),
      cosign: 'accepts',
      firebreak: 'signer-not-allowed',
      stricter: 'cosign is asked for one of the entries',
    },
    judged(
      'a trusted root of two months ago, by a person',
      certified,
      trustedAsOf(-24 * 60),
      'trusted-root-stale',
      'cosign does not know how old the file is',
    ),
    judged('a trusted root of two months ago, by a key alone', plain, trustedAsOf(-24 * 60), 'accepts'),
  ],
};

function trustedAsOf(from: number): NonNullable<ImageCase['policy']> {
  return (_digest, work) => ({ trustedRoot: { ...work.trustedRootPin(), asOf: hours(from) } });
}

/** Of the platforms' images that were pushed last. */
const denied = ({ children }: Workshop): readonly Digest[] => children.slice(0, 1);
