import { sign } from 'node:crypto';
import { dsse } from '@sigstore/core';
import type { Digest } from '../../../domain/json.ts';
import { IN_TOTO, keyBundle, signatureOf, signed } from './keys.ts';
import type { Workshop } from './workshop.ts';

export const release = { key: 'release' } as const;
export const allowed = [release];

const signWith = (work: Workshop, message: Buffer): Buffer =>
  sign('sha256', message, work.bench.keys.release.privateKey);

/** A bundle of the key over any statement. */
export const stating =
  (of: (digest: Digest, work: Workshop) => string | Promise<string>, type = IN_TOTO) =>
  async (work: Workshop) => {
    const digest = await work.image();
    const payload = Buffer.from(await of(digest, work));
    const signature = signWith(work, dsse.preAuthEncoding(type, payload));
    await work.bundles(digest, [keyBundle(payload, signature, type)]);
    return digest;
  };

/** The first format, of the key over any payload. */
export const saying =
  (of: (digest: Digest, work: Workshop) => string | Promise<string>) => async (work: Workshop) => {
    const digest = await work.image();
    const payload = Buffer.from(await of(digest, work));
    await work.layers(digest, [{ bytes: payload, annotations: signatureOf(signWith(work, payload)) }]);
    return digest;
  };

export const hex = (digest: string): string => digest.slice('sha256:'.length);
export const subject = (digest: string, name = '') => ({ name, digest: { sha256: hex(digest) } });
export const zeros = `sha256:${'0'.repeat(64)}`;
export const critical = (digest: string, more: object = {}) => ({
  identity: { 'docker-reference': '' },
  image: { 'docker-manifest-digest': digest },
  type: 'cosign container image signature',
  ...more,
});

/** The bundle that cosign made, changed. */
export function rewritten(
  change: Parameters<Workshop['rewrite']>[1],
  how: Parameters<typeof signed>[0] = { by: release },
) {
  return async (work: Workshop) => {
    const digest = await signed(how)(work);
    await work.rewrite(digest, change);
    return digest;
  };
}
