import { rewritten } from './by-hand.ts';
import { signed } from './keys.ts';
import type { ImageCase } from './types.ts';
import type { BundleJson, How, LogEntryJson, Workshop } from './workshop.ts';

export const release = { key: 'release' } as const;
export const person = { identity: 'release@shop.example' } as const;
export const signature = 'dev.cosignproject.cosign/signature';
export const certificate = 'dev.sigstore.cosign/certificate';
export const logged = 'dev.sigstore.cosign/bundle';
export const stamped = 'dev.sigstore.cosign/rfc3161timestamp';

export type Annotations = Record<string, string | undefined>;

/** What cosign made in its first format, changed. */
export const layer =
  (
    change: (layer: { payload: string; annotations: Annotations }) => {
      payload?: string;
      annotations?: Annotations;
    },
    how: How,
  ) =>
  async (work: Workshop) => {
    const digest = await signed({ ...how, format: 'first' })(work);
    const found = await work.first(digest);
    const payload = Buffer.from(found.payload).toString();
    const changed = change({ payload, annotations: { ...found.annotations } });
    const annotations = Object.fromEntries(
      Object.entries(changed.annotations ?? found.annotations).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      ),
    );
    await work.layers(digest, [{ bytes: changed.payload ?? payload, annotations }]);
    return digest;
  };

/** The same text in base64, with one bit of its bytes another. */
export function flipped(base64: string, at = 10): string {
  const bytes = Buffer.from(base64, 'base64');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes.toString('base64');
}

export function entryOf({ verificationMaterial: { tlogEntries = [] } }: BundleJson): LogEntryJson {
  const [entry] = tlogEntries;
  if (entry === undefined) throw new Error('it has no log entry');
  return entry;
}

export const withKey = (
  name: string,
  change: Parameters<typeof rewritten>[0],
  firebreak: ImageCase['firebreak'],
): ImageCase => ({
  name,
  make: rewritten(change),
  allowed: [release],
  cosign: 'refuses',
  firebreak,
});

export const cut =
  (part: (bytes: Buffer) => Buffer | string, how: How = { by: release }) =>
  async (work: Workshop) => {
    const digest = await signed(how)(work);
    const { bundle } = await work.bundle(digest);
    await work.bundles(digest, [part(Buffer.from(bundle))]);
    return digest;
  };

/** Of a certificate of Fulcio's, in the first Rekor and stamped. */
export const ofPerson = (
  name: string,
  change: Parameters<typeof rewritten>[0],
  firebreak: ImageCase['firebreak'],
  more: Partial<ImageCase> = {},
): ImageCase => ({
  name,
  make: rewritten(change, { by: person, stamped: true }),
  allowed: [person],
  stamped: true,
  cosign: 'refuses',
  firebreak,
  ...more,
});

export const stamps = ({ verificationMaterial: { timestampVerificationData } }: BundleJson) =>
  timestampVerificationData?.rfc3161Timestamps ?? [];

/** With what the signature of another image has in its place. @param earlier that other one is made first: its certificate is then valid, too */
export const exchanged =
  (change: (own: BundleJson, other: BundleJson) => void, how: How, earlier = false) =>
  async (work: Workshop) => {
    const [first, second] = [await signed(how)(work), await signed(how)(work)];
    const [digest, from] = earlier ? [second, first] : [first, second];
    const other = await work.bundle(from);
    await work.rewrite(digest, (own) => change(own, JSON.parse(Buffer.from(other.bundle).toString())));
    return digest;
  };

export const exchangedFirst =
  (names: readonly string[], how: How, earlier = false) =>
  async (work: Workshop) => {
    const make = signed({ ...how, format: 'first' });
    const [first, second] = [await make(work), await make(work)];
    const [digest, from] = earlier ? [second, first] : [first, second];
    const { annotations } = await work.first(from);
    const own = await work.first(digest);
    const theirs = Object.fromEntries(names.map((name) => [name, annotations[name] ?? '']));
    await work.layers(digest, [{ bytes: own.payload, annotations: { ...own.annotations, ...theirs } }]);
    return digest;
  };
