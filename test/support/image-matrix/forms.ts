import { sign } from 'node:crypto';
import { OCI_EMPTY, OCI_IMAGE, OCI_INDEX } from '../../../testbed/image.ts';
import { release, withKey } from './altering.ts';
import { signatureOf, signed, simplePayload } from './keys.ts';
import type { CaseGroup, ImageCase } from './types.ts';
import type { BundleJson, Workshop } from './workshop.ts';

const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';
const allowed = [release];
const about = 'it is stored as what is about another image, or about none';

const accepted = (name: string, make: ImageCase['make'], more: Partial<ImageCase> = {}): ImageCase => ({
  name,
  make,
  allowed,
  cosign: 'accepts',
  firebreak: 'accepts',
  ...more,
});

/** The good bundle, stored in another way. */
const stored = (of: { layer?: string; manifest?: object; listed?: object }) => async (work: Workshop) => {
  const digest = await signed({ by: release })(work);
  const { bundle } = await work.bundle(digest);
  const media = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  const { client, registry } = work.bench;
  const from = { registry: registry.host, repository: work.repository };
  const image = await client.manifest(from, digest, { signal: AbortSignal.timeout(10_000) });
  const pushed = await work.push.manifest({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    artifactType: media,
    config: await work.push.blob('{}', OCI_EMPTY),
    layers: [await work.push.blob(bundle, of.layer ?? media)],
    subject: { mediaType: OCI_IMAGE, digest, size: image.bytes.length },
    ...of.manifest,
  });
  const manifests = [{ ...pushed, artifactType: media, ...of.listed }];
  await work.push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, digest.replace(':', '-'));
  return digest;
};

const version = (mediaType: string) => (bundle: BundleJson) => void (bundle.mediaType = mediaType);

/** A signature of the first format, altered as bytes. */
const bytes = (change: (signature: Buffer) => Buffer) => async (work: Workshop) => {
  const digest = await work.image();
  const payload = Buffer.from(simplePayload(digest));
  const signature = sign('sha256', payload, work.bench.keys.release.privateKey);
  await work.layers(digest, [{ bytes: payload, annotations: signatureOf(change(signature)) }]);
  return digest;
};

export const forms: CaseGroup = {
  title: 'How a signature is written and stored',
  cases: [
    withKey(
      'a bundle of version 0.1',
      version('application/vnd.dev.sigstore.bundle+json;version=0.1'),
      'unreadable',
    ),
    withKey(
      'a bundle of version 0.2',
      version('application/vnd.dev.sigstore.bundle+json;version=0.2'),
      'unreadable',
    ),
    {
      ...withKey(
        'a bundle of version 0.3, by its older name',
        version('application/vnd.dev.sigstore.bundle+json;version=0.3'),
        'accepts',
      ),
      cosign: 'accepts',
    },
    {
      ...withKey(
        'a signature in base64 without its end',
        ({ dsseEnvelope: { signatures } }) => {
          for (const one of signatures) one.sig = one.sig.replace(/=+$/, '');
        },
        'unreadable',
      ),
      make: async (work) => {
        // ECDSA signatures have several lengths: one whose base64 has an end.
        for (;;) {
          const digest = await signed({ by: release })(work);
          const { bundle } = await work.bundle(digest);
          const value: BundleJson = JSON.parse(Buffer.from(bundle).toString());
          const [one] = value.dsseEnvelope.signatures;
          if (one?.sig.endsWith('=') !== true) continue;
          one.sig = one.sig.replace(/=+$/, '');
          await work.bundles(digest, [JSON.stringify(value)]);
          return digest;
        }
      },
      cosign: 'accepts',
      stricter: 'base64 is written in one way',
    },
    accepted('an image of Docker’s own type', async (work) => {
      const digest = await work.image();
      const { client, registry } = work.bench;
      const from = { registry: registry.host, repository: work.repository };
      const { bytes: text } = await client.manifest(from, digest, { signal: AbortSignal.timeout(10_000) });
      const document: object = JSON.parse(
        Buffer.from(text)
          .toString()
          .replaceAll('vnd.oci.image.manifest.v1', 'vnd.docker.distribution.manifest.v2'),
      );
      const docker = await work.push.manifest({ ...document, mediaType: DOCKER });
      await work.sign(docker.digest, { by: release });
      return docker.digest;
    }),
    accepted(
      'the layer says an older type of a bundle',
      stored({ layer: 'application/vnd.dev.sigstore.bundle+json;version=0.3' }),
    ),
    accepted('the list does not say that it is a bundle', stored({ listed: { artifactType: undefined } })),
    accepted(
      'neither the list nor the manifest says that it is a bundle',
      stored({ listed: { artifactType: undefined }, manifest: { artifactType: undefined } }),
    ),
    accepted(
      'the list says that it is something else',
      stored({ listed: { artifactType: 'application/spdx+json' } }),
      { firebreak: 'unsigned', stricter: 'what is listed as something else is not read as a signature' },
    ),
    accepted(
      'the manifest says that it is something else',
      stored({ manifest: { artifactType: 'application/spdx+json' } }),
    ),
    accepted('the manifest refers to nothing', stored({ manifest: { subject: undefined } }), {
      firebreak: 'not-examined',
      stricter: about,
    }),
    accepted(
      'the manifest refers to another image',
      stored({
        manifest: { subject: { mediaType: OCI_IMAGE, digest: `sha256:${'0'.repeat(64)}`, size: 10 } },
      }),
      { firebreak: 'not-examined', stricter: about },
    ),
    accepted('the manifest has no layer', stored({ manifest: { layers: [] } }), {
      cosign: 'refuses',
      firebreak: 'unsigned',
    }),
    accepted('signed in the first format, as a referrer', async (work) => {
      const digest = await work.image();
      await work.sign(digest, { by: release, format: 'first', referrer: true });
      return digest;
    }),
    accepted(
      'a signature with a byte after it',
      bytes((signature) => Buffer.concat([signature, Buffer.from([0])])),
      { cosign: 'refuses', firebreak: 'unknown-key' },
    ),
    accepted(
      'a signature with a byte before it',
      bytes((signature) => Buffer.concat([Buffer.from([0]), signature])),
      { cosign: 'refuses', firebreak: 'unknown-key' },
    ),
    accepted(
      'a signature cut short',
      bytes((signature) => signature.subarray(0, -1)),
      { cosign: 'refuses', firebreak: 'unknown-key' },
    ),
    accepted(
      'a signature with its length written in two bytes',
      bytes((signature) =>
        Buffer.concat([signature.subarray(0, 1), Buffer.from([0x81]), signature.subarray(1)]),
      ),
      { cosign: 'refuses', firebreak: 'unknown-key' },
    ),
    accepted(
      'a signature of zeros',
      bytes(() => Buffer.from('3006020100020100', 'hex')),
      { cosign: 'refuses', firebreak: 'unknown-key' },
    ),
  ],
};
