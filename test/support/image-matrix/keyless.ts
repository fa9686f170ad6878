import { signed } from './keys.ts';
import type { CaseGroup, ImageCase } from './types.ts';
import type { How, Workshop } from './workshop.ts';
import type { Signing } from '../sigstore.ts';
import type { Forge } from './bench.ts';

export const person = 'release@shop.example';
export const workflow = 'https://git.example/shop/api/.github/workflows/release.yml@refs/heads/main';
export const forgeIssuer = 'https://ci.example';
/** Whom the forge's certificates name, unless a case says otherwise. */
export const forged = { identity: workflow, issuer: forgeIssuer };

/** Minutes from now, in whole seconds as logs have it. */
export const minutes = (from: number): Date => new Date(Math.floor(Date.now() / 1000 + from * 60) * 1000);

/** A signature of the forge's, good unless it is told otherwise: issued in one minute, and logged a minute later. */
export const forging = (how: Partial<Signing> = {}): Signing => ({
  ...forged,
  at: minutes(1),
  loggedAt: minutes(2),
  ...how,
});

/** An image with one bundle of a forge. */
export const forgedBundle =
  (
    how: () => Signing,
    other: Parameters<Forge['bundle']>[2] = {},
    forge: 'forge' | 'unlogged' | 'stranger' = 'forge',
  ) =>
  async (work: Workshop) => {
    const digest = await work.image();
    const { bundle } = await work.bench[forge].bundle(digest, how(), other);
    await work.bundles(digest, [bundle]);
    return digest;
  };

/** The same in the first format. */
export const forgedFirst =
  (
    how: () => Signing,
    changed?: (payload: string) => string | Buffer,
    forge: 'forge' | 'unlogged' | 'stranger' = 'forge',
  ) =>
  async (work: Workshop) => {
    const digest = await work.image();
    const { payload, annotations } = await work.bench[forge].simpleSigning(digest, how(), changed);
    await work.layers(digest, [{ bytes: payload, annotations }]);
    return digest;
  };

const ways: readonly [string, Omit<How, 'by'>, boolean][] = [
  ['bundle, in the first Rekor', {}, false],
  ['bundle, in the first Rekor, stamped', { stamped: true }, true],
  ['bundle, in Rekor 2, stamped', { log: 'second', stamped: true }, true],
  ['first format, in the first Rekor', { format: 'first' }, false],
  ['first format, in the first Rekor, stamped', { format: 'first', stamped: true }, true],
];

const good = ways.flatMap(([words, how, stamped]) =>
  [
    ['e-mail address', person],
    ['workflow', workflow],
  ].map(([kind, identity = '']): ImageCase => ({
    name: `${kind}, ${words}`,
    make: signed({ by: { identity }, ...how }),
    allowed: [{ identity }],
    stamped,
    cosign: 'accepts',
    firebreak: 'accepts',
  })),
);

interface Bad {
  what: string;
  how: () => Signing;
  stamped?: boolean;
  firebreak: ImageCase['firebreak'];
  forge?: 'unlogged' | 'stranger';
}

const bad: readonly Bad[] = [
  {
    what: 'logged after the certificate had expired',
    how: () => forging({ loggedAt: minutes(12) }),
    firebreak: 'certificate-expired',
  },
  {
    what: 'logged before the certificate was issued',
    how: () => forging({ at: minutes(4), loggedAt: minutes(1) }),
    firebreak: 'certificate-expired',
  },
  {
    what: 'stamped after the certificate had expired, logged in time',
    how: () => forging({ stampedAt: minutes(12) }),
    stamped: true,
    firebreak: 'certificate-expired',
  },
  {
    what: 'neither in a log nor stamped',
    how: () => forging({ loggedAt: undefined }),
    firebreak: 'no-trusted-time',
  },
  {
    what: 'stamped, in no log',
    how: () => forging({ loggedAt: undefined, stampedAt: minutes(2) }),
    stamped: true,
    firebreak: 'log-entry-invalid',
  },
  {
    what: 'of an authority that is not in the trusted root',
    how: forging,
    forge: 'stranger',
    firebreak: 'certificate-untrusted',
  },
  {
    what: 'certificate in no log of certificates',
    how: forging,
    forge: 'unlogged',
    firebreak: 'certificate-untrusted',
  },
];

const badInBoth = bad.flatMap(({ what, how, stamped = false, firebreak, forge }): ImageCase[] =>
  (
    [
      ['bundle', forgedBundle(how, {}, forge)],
      ['first format', forgedFirst(how, undefined, forge)],
    ] as const
  ).map(([format, make]) => ({
    name: `${what}, ${format}`,
    make,
    allowed: [forged],
    stamped,
    cosign: 'refuses',
    firebreak,
  })),
);

export const keyless: CaseGroup = {
  title: 'Certificates',
  cases: [
    ...good,
    {
      name: 'forged in memory as all that follow, and good: bundle',
      make: forgedBundle(forging),
      allowed: [forged],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'forged in memory as all that follow, and good: first format',
      make: forgedFirst(forging),
      allowed: [forged],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    ...badInBoth,
    {
      name: 'in Rekor 2, not stamped, bundle',
      make: forgedBundle(() => forging({ kind: 'hashedrekord 0.0.2' })),
      allowed: [forged],
      cosign: 'refuses',
      firebreak: 'no-trusted-time',
    },
  ],
};
