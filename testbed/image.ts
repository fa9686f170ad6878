import { createHash, randomBytes } from 'node:crypto';

export type ImageDigest = `sha256:${string}`;

export interface Pushed {
  mediaType: string;
  digest: ImageDigest;
  size: number;
}

/** Pushes blobs and manifests of any form to one repository: also what no client makes, and attackers push. */
export interface Pusher {
  blob(bytes: Uint8Array | string, mediaType: string): Promise<Pushed>;
  /** @param reference a tag; by its digest when absent */
  manifest(document: object, reference?: string): Promise<Pushed>;
  /** The manifest of a tag. */
  read(tag: string): Promise<object>;
  delete(digest: ImageDigest): Promise<void>;
}

/** An index, and the image of each platform in it. */
export interface PushedIndex extends Pushed {
  children: (Pushed & { platform: { os: string; architecture: string } })[];
}

export const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** @param url of the registry, such as `http://127.0.0.1:5000` */
export function pusher(url: string, repository: string, headers: Record<string, string>): Pusher {
  const base = `${url}/v2/${repository}`;
  async function send(
    address: string | URL,
    init: { method: string; body?: Uint8Array<ArrayBuffer>; headers?: Record<string, string> },
  ): Promise<Response> {
    const answer = await fetch(address, { ...init, headers: { ...headers, ...init.headers } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the registry answers ${answer.status}: ${text.slice(0, 300)}`);
    return answer;
  }
  return {
    async blob(bytes, mediaType) {
      const body = new Uint8Array(Buffer.from(bytes));
      const digest = digestOf(body);
      const begun = await send(`${base}/blobs/uploads/`, { method: 'POST' });
      const location = new URL(begun.headers.get('location') ?? '', url);
      location.searchParams.set('digest', digest);
      await send(location, { method: 'PUT', body, headers: { 'content-type': 'application/octet-stream' } });
      return { mediaType, digest, size: body.length };
    },
    async manifest(document, reference) {
      const bytes = new Uint8Array(Buffer.from(JSON.stringify(document)));
      const digest = digestOf(bytes);
      const own: unknown = Reflect.get(document, 'mediaType');
      const mediaType = typeof own === 'string' ? own : OCI_IMAGE;
      const address = `${base}/manifests/${reference ?? digest}`;
      await send(address, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } });
      return { mediaType, digest, size: bytes.length };
    },
    async read(tag) {
      const accept = [OCI_IMAGE, OCI_INDEX].join(', ');
      const answer = await fetch(`${base}/manifests/${tag}`, { headers: { ...headers, accept } });
      if (!answer.ok) throw new Error(`the registry answers ${answer.status} to ${tag}`);
      const manifest: object = JSON.parse(await answer.text());
      return manifest;
    },
    async delete(digest) {
      await send(`${base}/manifests/${digest}`, { method: 'DELETE' });
    },
  };
}

/** Pushes a minimal image, new each time. */
export async function pushImage(push: Pusher, tag?: string, architecture = 'amd64'): Promise<Pushed> {
  const layer = await push.blob(`layer ${randomBytes(8).toString('hex')}`, OCI_LAYER);
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = await push.blob(
    JSON.stringify({ architecture, os: 'linux', config: {}, rootfs }),
    OCI_CONFIG,
  );
  return push.manifest({ schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: [layer] }, tag);
}

/** Pushes an index of minimal images of Linux, new each time. */
export async function pushIndex(
  push: Pusher,
  tag?: string,
  architectures: readonly string[] = ['amd64', 'arm64'],
): Promise<PushedIndex> {
  const children = await Promise.all(
    architectures.map(async (architecture) => ({
      ...(await pushImage(push, undefined, architecture)),
      platform: { os: 'linux', architecture },
    })),
  );
  const index = await push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: children }, tag);
  return { ...index, children };
}

/** For the header `authorization`. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function digestOf(bytes: Uint8Array): ImageDigest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
