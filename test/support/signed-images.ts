import type { FoundBundle, FoundSimpleSigning } from '../../activities/images/signatures/found.ts';
import type { Digest } from '../../domain/json.ts';
import { OCI_EMPTY, OCI_IMAGE, OCI_INDEX, type Pushed, type Pusher } from '../../testbed/image.ts';

const SIMPLE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** Pushes what signs an image as cosign's first format has it: all that is given becomes the tag `sha256-<hex>.sig`. */
export async function pushSimpleSigning(
  push: Pusher,
  image: Digest,
  ...found: FoundSimpleSigning[]
): Promise<Pushed> {
  const layers = await Promise.all(
    found.map(async ({ payload, annotations }) => ({ ...(await push.blob(payload, SIMPLE)), annotations })),
  );
  const config = await push.blob('{}', CONFIG);
  return push.manifest({ schemaVersion: 2, mediaType: OCI_IMAGE, config, layers }, `${tagOf(image)}.sig`);
}

/** Pushes bundles as cosign does where a registry has no referrers API: all that is given becomes the list under the tag `sha256-<hex>`. */
export async function pushBundles(push: Pusher, image: Digest, ...found: FoundBundle[]): Promise<Pushed> {
  const config = await push.blob('{}', OCI_EMPTY);
  const subject = { mediaType: OCI_IMAGE, digest: image, size: 1 };
  const manifests = await Promise.all(
    found.map(async ({ bundle }) => {
      const layers = [await push.blob(bundle, BUNDLE)];
      const document = {
        schemaVersion: 2,
        mediaType: OCI_IMAGE,
        artifactType: BUNDLE,
        config,
        layers,
        subject,
      };
      return { ...(await push.manifest(document)), artifactType: BUNDLE };
    }),
  );
  return push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, tagOf(image));
}

const tagOf = (image: Digest): string => image.replace(':', '-');
