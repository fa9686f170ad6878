import { createHash, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCosign, type Cosign, type CosignKey } from '../cosign.ts';
import { basicAuthorization, pushImage, pusher } from '../image.ts';
import type { Registry } from '../registry.ts';
import { startSigstore, type Sigstore } from '../sigstore.ts';
import { signingConfig } from '../sigstore/signing-config.ts';

/** Images of the shop, as rehearsals name them: `image:good`. */
export const signedImages = ['good', 'in-window', 'unsigned'] as const;
export type SignedImage = (typeof signedImages)[number];

export interface SignedImages {
  /** Of `registries`: the same registry, as one that images are read from. */
  entry: object;
  /** Of the configuration. */
  configuration: object;
  env: { [name: string]: string };
  /** What a template names. */
  references: { [image in SignedImage]: string };
  /** As whoever may push can: the registry's list of what refers to an image is empty from now on. @returns what puts it back */
  removeSignature(image: SignedImage): Promise<() => Promise<void>>;
}

const repository = 'shop/api';
/** Signs what may run; whoever stole CI's password has had it for a while. */
const signer = 'release';

/**
 * Pushes images that are signed before, within and never but for the time in which somebody else could sign, and writes the policy that says so. Signed by the real
 * cosign; a timestamp authority vouches for the times. Nothing but the registry is needed once they are there.
 */
export async function pushSignedImages(
  dir: string,
  registry: Registry,
  [user, password]: readonly [user: string, password: string],
): Promise<SignedImages> {
  const cosign = await openCosign();
  try {
    const sigstore = await startSigstore();
    try {
      const key = await cosign.importKey(
        signer,
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      );
      const push = pusher(registry.url, repository, { authorization: basicAuthorization(user, password) });
      const image = async (): Promise<string> =>
        `${registry.host}/${repository}@${(await pushImage(push)).digest}`;
      const signed = async (): Promise<string> => {
        const reference = await image();
        await sign(cosign, sigstore, key, reference, [user, password]);
        return reference;
      };
      const good = await signed();
      const from = await nextSecond();
      const inWindow = await signed();
      const to = await nextSecond();
      await writePolicy(dir, `${registry.host}/shop/*`, key, sigstore.trustedRoot, { from, to });
      const references = { good, 'in-window': inWindow, unsigned: await image() };
      return {
        entry: {
          name: 'shop-images',
          environment: 'production',
          kind: 'oci',
          host: registry.host,
          url: registry.url,
          credentials: { username: user, password: { env: 'ENGINE_IMAGES_PASSWORD' } },
        },
        configuration: { images: { policy: 'images.yaml' } },
        env: { ENGINE_IMAGES_PASSWORD: password },
        references,
        async removeSignature(named) {
          const tag = references[named].replace(/^.*@sha256:/, 'sha256-');
          const before = await push.read(tag);
          await push.manifest({ ...before, manifests: [] }, tag);
          return async () => void (await push.manifest(before, tag));
        },
      };
    } finally {
      await sigstore.stop();
    }
  } finally {
    await cosign.close();
  }
}

async function sign(
  cosign: Cosign,
  sigstore: Sigstore,
  { privateFile }: CosignKey,
  reference: string,
  [user, password]: readonly [string, string],
): Promise<void> {
  const settings = signingConfig(sigstore, { log: undefined, stamped: true });
  await cosign.must([
    'sign',
    `--key=${privateFile}`,
    `--signing-config=${await cosign.file('signing-config.json', settings)}`,
    `--trusted-root=${await cosign.file('trusted-root.json', sigstore.trustedRoot)}`,
    `--registry-username=${user}`,
    `--registry-password=${password}`,
    reference,
  ]);
}

/** JSON is YAML. */
async function writePolicy(
  dir: string,
  repositories: string,
  { pem }: CosignKey,
  trustedRoot: string,
  window: { from: string; to: string },
): Promise<void> {
  const sha256 = `sha256:${createHash('sha256').update(trustedRoot).digest('hex')}`;
  await writeFile(join(dir, 'trusted-root.json'), trustedRoot);
  const policy = {
    images: [{ repositories: [repositories], signedBy: [{ key: signer }] }],
    keys: { [signer]: { pem } },
    window,
    trustedRoot: {
      file: 'trusted-root.json',
      sha256,
      asOf: new Date(Date.now() - 60_000).toISOString(),
      maxAgeDays: 1,
    },
  };
  await writeFile(join(dir, 'images.yaml'), JSON.stringify(policy, undefined, 2));
}

/** The begin of the next second, once it is there: a timestamp authority tells whole seconds. */
async function nextSecond(): Promise<string> {
  const next = Math.floor(Date.now() / 1_000 + 1) * 1_000;
  await new Promise((resolve) => setTimeout(resolve, next - Date.now() + 1));
  return new Date(next).toISOString();
}
