import { sha256, type Digest } from '../../domain/json.ts';

export interface Pushed {
  mediaType: string;
  digest: Digest;
  size: number;
}

/** Pushes blobs and manifests of any form to one repository: an engine never does, and a registry must hold what attackers push. */
export interface Pusher {
  blob(bytes: Uint8Array | string, mediaType: string): Promise<Pushed>;
  /** @param reference a tag; by its digest when absent */
  manifest(document: object, reference?: string): Promise<Pushed>;
  delete(digest: Digest): Promise<void>;
}

export const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json';

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
      const digest = sha256(body);
      const begun = await send(`${base}/blobs/uploads/`, { method: 'POST' });
      const location = new URL(begun.headers.get('location') ?? '', url);
      location.searchParams.set('digest', digest);
      await send(location, { method: 'PUT', body, headers: { 'content-type': 'application/octet-stream' } });
      return { mediaType, digest, size: body.length };
    },
    async manifest(document, reference) {
      const bytes = new Uint8Array(Buffer.from(JSON.stringify(document)));
      const digest = sha256(bytes);
      const own: unknown = Reflect.get(document, 'mediaType');
      const mediaType = typeof own === 'string' ? own : OCI_IMAGE;
      const address = `${base}/manifests/${reference ?? digest}`;
      await send(address, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } });
      return { mediaType, digest, size: bytes.length };
    },
    async delete(digest) {
      await send(`${base}/manifests/${digest}`, { method: 'DELETE' });
    },
  };
}
