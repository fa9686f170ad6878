import { generateKeyPairSync } from 'node:crypto';
import type { ImageEvidence } from '../../activities/images/judge.ts';
import { parseImagePolicy } from '../../activities/images/policy.ts';
import type { Claim, Verified } from '../../activities/images/signatures/verified.ts';
import type { ImageJudgement, ImageSigner } from '../../domain/image.ts';
import { sha256 } from '../../domain/json.ts';

export const image = sha256('image');
export const child = sha256('child');
export const issuer = 'https://ci.example';
export const identity = 'https://git.example/shop/api/release.yml@refs/heads/main';
export const ci: ImageSigner = { identity, issuer };
export const release: ImageSigner = { key: 'release' };
export const day = (of: number, hour = 0): Date => new Date(Date.UTC(2026, 10, of, hour));
export const iso = (of: number, hour = 0): string => day(of, hour).toISOString();
export const now = day(20);

const pem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .publicKey.export({ format: 'pem', type: 'spki' })
    .toString();
export const pems = { release: pem(), next: pem() };

export const rule = { repositories: ['registry.example/shop/*'], signedBy: [release, ci] };
export const base = {
  images: [rule],
  keys: { release: { pem: pems.release }, next: { pem: pems.next } },
  trustedRoot: { file: 'root.json', sha256: sha256('root'), asOf: iso(1), maxAgeDays: 30 },
};
export const policyWith = (changes: object) => parseImagePolicy({ ...base, ...changes });
/** The key `release` with these facts, and perhaps a window. */
export const keyed = (facts: object, window?: object) =>
  policyWith({
    keys: { ...base.keys, release: { pem: pems.release, ...facts } },
    ...(window === undefined ? {} : { window }),
  });

export const signature = (by: ImageSigner, signedAt?: Date, notBefore?: Date): Verified => ({
  where: 'here',
  by,
  ...(signedAt === undefined ? {} : { signedAt }),
  ...(notBefore === undefined ? {} : { notBefore }),
});
/** By a certificate of ten minutes. */
export const certified = (signedAt: Date, by: ImageSigner = ci): Verified =>
  signature(by, signedAt, new Date(signedAt.getTime() - 60_000));
export const evidence = (claims: Claim[], more: Partial<ImageEvidence> = {}): ImageEvidence => ({
  repository: 'registry.example/shop/api',
  digests: [image, child],
  claims,
  skipped: [],
  ...more,
});
export const codes = ({ reasons }: ImageJudgement): string[] => reasons.map(({ code }) => code);
