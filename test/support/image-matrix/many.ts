import { generateKeyPairSync, sign } from 'node:crypto';
import { dsse } from '@sigstore/core';
import { forged, forging, minutes } from './keyless.ts';
import { IN_TOTO, keyBundle, signatureOf, signed, simplePayload, statement } from './keys.ts';
import type { CaseGroup, ImageCase } from './types.ts';
import type { Layer, Workshop } from './workshop.ts';

const release = { key: 'release' } as const;
const junkKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A bundle by nobody, another each time. */
function junkBundle(digest: string): string {
  const payload = Buffer.from(statement(digest));
  return keyBundle(payload, sign('sha256', dsse.preAuthEncoding(IN_TOTO, payload), junkKey));
}

function junkLayer(digest: string): Layer {
  const payload = simplePayload(digest);
  return { bytes: payload, annotations: signatureOf(sign('sha256', Buffer.from(payload), junkKey)) };
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

/** The bundle that cosign made, among others. */
const among = (before: number, after: number) => async (work: Workshop) => {
  const digest = await signed({ by: release })(work);
  const { bundle } = await work.bundle(digest);
  const junk = (count: number) => times(count, () => junkBundle(digest));
  await work.bundles(digest, [...junk(before), bundle, ...junk(after)]);
  return digest;
};

const amongFirst = (before: number, after: number) => async (work: Workshop) => {
  const digest = await signed({ by: release, format: 'first' })(work);
  const { payload, annotations } = await work.first(digest);
  const junk = (count: number) => times(count, () => junkLayer(digest));
  await work.layers(digest, [...junk(before), { bytes: payload, annotations }, ...junk(after)]);
  return digest;
};

export const many: CaseGroup = {
  title: 'Many signatures',
  cases: [
    {
      name: 'one good bundle, the last of thirty',
      make: among(29, 0),
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'one good bundle, the first of thirty',
      make: among(0, 29),
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'one good layer, the last of thirty, first format',
      make: amongFirst(29, 0),
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'one good layer, after a hundred others, first format',
      make: amongFirst(100, 0),
      cosign: 'accepts',
      firebreak: 'not-examined',
      stricter: 'a hundred are read: whoever can push must not make us read without end',
    },
    {
      name: 'thirty bundles by nobody',
      make: async (work: Workshop) => {
        const digest = await work.image();
        await work.bundles(
          digest,
          times(30, () => junkBundle(digest)),
        );
        return digest;
      },
      cosign: 'refuses',
      firebreak: 'unknown-key',
    },
    {
      name: 'bundles by nobody, and a good layer in the first format',
      make: async (work: Workshop) => {
        const digest = await signed({ by: release, format: 'first' })(work);
        await work.bundles(digest, [junkBundle(digest)]);
        return digest;
      },
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'layers by nobody in the first format, and a good bundle',
      make: async (work: Workshop) => {
        const digest = await signed({ by: release })(work);
        await work.layers(digest, [junkLayer(digest)]);
        return digest;
      },
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'a bundle that is none, and a good one',
      make: async (work: Workshop) => {
        const digest = await signed({ by: release })(work);
        const { bundle } = await work.bundle(digest);
        await work.bundles(digest, ['{', bundle]);
        return digest;
      },
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'the good bundle twice',
      make: async (work: Workshop) => {
        const digest = await signed({ by: release })(work);
        const { bundle } = await work.bundle(digest);
        await work.bundles(digest, [bundle, `${Buffer.from(bundle).toString()} `]);
        return digest;
      },
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'by somebody who may not, and by somebody who may',
      make: signed({ by: { key: 'other' } }, { by: release }),
      cosign: 'accepts',
      firebreak: 'accepts',
    },
  ]
    .map((one): ImageCase => ({ allowed: [release], ...(one as Omit<ImageCase, 'allowed'>) }))
    .concat([
      {
        name: 'an expired certificate, and a good one',
        make: async (work: Workshop) => {
          const digest = await work.image();
          const expired = await work.bench.forge.bundle(digest, forging({ loggedAt: minutes(12) }));
          const good = await work.bench.forge.bundle(digest, forging());
          await work.bundles(digest, [expired.bundle, good.bundle]);
          return digest;
        },
        allowed: [forged],
        cosign: 'accepts',
        firebreak: 'accepts',
      },
    ]),
};
