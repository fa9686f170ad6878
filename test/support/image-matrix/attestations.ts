import type { Attested, CaseGroup, ImageCase } from './types.ts';
import type { Attestation, Workshop } from './workshop.ts';

const release = { key: 'release' } as const;
const scanner = { key: 'rsa' } as const;
const person = { identity: 'release@shop.example' } as const;
const builder = 'https://ci.example/builder@v1';
const source = 'https://git.example/shop/api';

const provenance = (of: { builder?: string; source?: string } = {}) => ({
  buildDefinition: {
    buildType: 'https://ci.example/build/v1',
    externalParameters: {
      workflow: { repository: of.source ?? source, ref: 'refs/heads/main', path: 'release.yml' },
    },
  },
  runDetails: { builder: { id: of.builder ?? builder } },
});

const olderProvenance = (of: { builder?: string; source?: string } = {}) => ({
  builder: { id: of.builder ?? builder },
  buildType: 'https://ci.example/build/v0',
  invocation: { configSource: { uri: of.source ?? source, digest: { sha1: 'a'.repeat(40) } } },
});

const spdx = { spdxVersion: 'SPDX-2.3', SPDXID: 'SPDXRef-DOCUMENT', name: 'api', packages: [] };
const cyclonedx = { bomFormat: 'CycloneDX', specVersion: '1.6', components: [] };

const built: Attested = {
  type: 'slsaprovenance1',
  predicateTypes: ['https://slsa.dev/provenance/v1'],
  builder,
  source,
};
const builtOlder: Attested = {
  type: 'slsaprovenance02',
  predicateTypes: ['https://slsa.dev/provenance/v0.2'],
  builder,
  source,
};
const listed: Attested = { type: 'spdxjson', predicateTypes: ['https://spdx.dev/Document'] };
const components: Attested = { type: 'cyclonedx', predicateTypes: ['https://cyclonedx.org/bom'] };

/** An image that is signed, with these attestations. */
const attested =
  (...all: Partial<Attestation>[]) =>
  async (work: Workshop) => {
    const digest = await work.image();
    await work.sign(digest, { by: release });
    for (const one of all)
      await work.attest(digest, { by: release, type: 'slsaprovenance1', predicate: provenance(), ...one });
    return digest;
  };

const inFormat = (format: 'bundle' | 'first', words: string): ImageCase[] => [
  {
    name: `provenance by the builder, from the source, ${words}`,
    make: attested({ format }),
    allowed: [release],
    attestations: [built],
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: `provenance by another builder, ${words}`,
    make: attested({ format, predicate: provenance({ builder: `${builder}-evil` }) }),
    allowed: [release],
    attestations: [built],
    cosign: 'refuses',
    firebreak: 'wrong-builder',
  },
  {
    name: `provenance from another source, ${words}`,
    make: attested({ format, predicate: provenance({ source: 'https://git.example/shop/api-fork' }) }),
    allowed: [release],
    attestations: [built],
    cosign: 'refuses',
    firebreak: 'wrong-source',
  },
  {
    name: `no provenance, where it is wanted, ${words}`,
    make: attested({ format, type: 'spdxjson', predicate: spdx }),
    allowed: [release],
    attestations: [built],
    cosign: 'refuses',
    firebreak: 'attestation-missing',
  },
  {
    name: `provenance by somebody who may not attest, ${words}`,
    make: attested({ format, by: scanner }),
    allowed: [release],
    attestations: [built],
    cosign: 'refuses',
    firebreak: 'signer-not-allowed',
  },
  {
    name: `provenance by somebody who may attest, and not sign, ${words}`,
    make: attested({ format, by: scanner }),
    allowed: [release],
    attestations: [{ ...built, by: [scanner] }],
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: `provenance by a certificate, ${words}`,
    make: attested({ format, by: person, log: 'first' }),
    allowed: [release],
    attestations: [{ ...built, by: [person] }],
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: `wrong provenance and right one, ${words}`,
    make: attested({ format, predicate: provenance({ builder: 'https://evil.example' }) }, { format }),
    allowed: [release],
    attestations: [built],
    cosign: 'refuses',
    firebreak: 'wrong-builder',
  },
  {
    name: `a bill of materials, SPDX, ${words}`,
    make: attested({ format, type: 'spdxjson', predicate: spdx }),
    allowed: [release],
    attestations: [listed],
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: `a bill of materials, CycloneDX, ${words}`,
    make: attested({ format, type: 'cyclonedx', predicate: cyclonedx }),
    allowed: [release],
    attestations: [components],
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: `another kind of a bill of materials than is wanted, ${words}`,
    make: attested({ format, type: 'cyclonedx', predicate: cyclonedx }),
    allowed: [release],
    attestations: [listed],
    cosign: 'refuses',
    firebreak: 'attestation-missing',
  },
  {
    name: `provenance and bill of materials, both wanted, ${words}`,
    make: attested({ format }, { format, type: 'spdxjson', predicate: spdx }),
    allowed: [release],
    attestations: [built, listed],
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: `provenance, and no bill of materials, both wanted, ${words}`,
    make: attested({ format }),
    allowed: [release],
    attestations: [built, listed],
    cosign: 'refuses',
    firebreak: 'attestation-missing',
  },
];

export const attestations: CaseGroup = {
  title: 'Attestations',
  cases: [
    ...inFormat('bundle', 'bundle'),
    ...inFormat('first', 'first format'),
    {
      name: 'provenance of version 0.2, first format',
      make: attested({ format: 'first', type: 'slsaprovenance02', predicate: olderProvenance() }),
      allowed: [release],
      attestations: [builtOlder],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'provenance of version 0.2 from another source, first format',
      make: attested({
        format: 'first',
        type: 'slsaprovenance02',
        predicate: olderProvenance({ source: 'https://git.example/evil' }),
      }),
      allowed: [release],
      attestations: [builtOlder],
      cosign: 'refuses',
      firebreak: 'wrong-source',
    },
    {
      name: 'provenance of another image, copied on',
      async make(work) {
        const [digest, other] = [await work.image(), await work.image()];
        await work.attest(other, { by: release, type: 'slsaprovenance1', predicate: provenance() });
        const { bundle } = await work.bundle(other);
        await work.sign(digest, { by: release });
        await work.bundles(digest, [(await work.bundle(digest)).bundle, bundle]);
        return digest;
      },
      allowed: [release],
      attestations: [built],
      cosign: 'refuses',
      firebreak: 'attestation-missing',
    },
    {
      name: 'provenance that names two sources',
      make: attested({
        predicate: {
          ...provenance(),
          buildDefinition: {
            ...provenance().buildDefinition,
            externalParameters: { workflow: { repository: source }, source: 'https://git.example/evil' },
          },
        },
      }),
      allowed: [release],
      attestations: [built],
      cosign: 'accepts',
      firebreak: 'wrong-source',
      stricter: 'what names another source beside the right one may be built from it',
    },
    ...[true, false].map((stamped): ImageCase => ({
      name: `provenance, stamped, first format${stamped ? '' : ', where cosign is not told to look at it'}`,
      async make(work) {
        const digest = await work.image();
        await work.sign(digest, { by: release, stamped: true });
        const how = { by: release, format: 'first', stamped: true } as const;
        await work.attest(digest, { ...how, type: 'slsaprovenance1', predicate: provenance() });
        return digest;
      },
      allowed: [release],
      stamped,
      attestations: [built],
      cosign: stamped ? 'refuses' : 'accepts',
      firebreak: 'attestation-missing',
      ...(stamped
        ? {}
        : { stricter: 'what is there must hold, and cosign cannot verify such a timestamp of its own' }),
    })),
    {
      name: 'provenance, and an image that is not signed, first format',
      async make(work) {
        const digest = await work.image();
        const predicate = provenance();
        await work.attest(digest, { by: release, format: 'first', type: 'slsaprovenance1', predicate });
        return digest;
      },
      allowed: [release],
      attestations: [built],
      cosign: 'refuses',
      firebreak: 'attestation-only',
    },
    {
      name: 'provenance in Rekor 2, stamped, by a workflow',
      make: attested({
        by: { identity: 'https://git.example/shop/api/.github/workflows/release.yml@refs/heads/main' },
        log: 'second',
        stamped: true,
      }),
      allowed: [release],
      attestations: [
        {
          ...built,
          by: [{ identity: 'https://git.example/shop/api/.github/workflows/release.yml@refs/heads/main' }],
        },
      ],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
  ],
};
