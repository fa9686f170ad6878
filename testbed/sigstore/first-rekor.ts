import { generateKeyPairSync, hash } from 'node:crypto';
import { initializeTLog } from '@sigstore/mock';
import { isRecord, startApiServer, type ApiReply, type ApiServer } from '../api-server.ts';

export interface FirstRekor extends ApiServer {
  /** PEM. */
  publicKey: string;
}

/**
 * What signers ask of the first Rekor, whose entries promise a time: `POST /api/v1/log/entries`
 * (https://github.com/sigstore/rekor/blob/v1.5.5/openapi.yaml), answered by the log of @sigstore/mock. The real one needs Trillian and a database.
 * Unlike it, this one believes the signatures it is told of, and each entry is alone in a tree of its own.
 */
export async function startFirstRekor(): Promise<FirstRekor> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = await startApiServer(async ({ method, parts, body }): Promise<ApiReply> => {
    if (method !== 'POST' || parts.join('/') !== 'api/v1/log/entries') return { status: 404 };
    const entry = isRecord(body) ? kept(body) : undefined;
    if (entry === undefined) return { status: 400, body: { code: 400, message: 'no entry of a known kind' } };
    const answer = await log.log(entry);
    const [uuid = ''] = Object.keys(answer);
    const headers = { etag: uuid, location: `/api/v1/log/entries/${uuid}` };
    return { status: 201, headers, body: answer };
  });
  const log = await initializeTLog(server.url, keys);
  return { ...server, publicKey: keys.publicKey.export({ format: 'pem', type: 'spki' }).toString() };
}

/** An entry as Rekor keeps it: of an envelope, only hashes and signatures. */
function kept(proposed: Record<string, unknown>): object | undefined {
  const { kind, apiVersion, spec } = proposed;
  if (kind === 'hashedrekord' && apiVersion === '0.0.1') return proposed;
  const content = kind === 'dsse' && isRecord(spec) ? spec['proposedContent'] : undefined;
  if (!isRecord(content) || !Array.isArray(content['verifiers'])) return undefined;
  const [verifier]: unknown[] = content['verifiers'];
  const text = String(content['envelope']);
  const envelope: { payload: string; signatures: { sig: string }[] } = JSON.parse(text);
  return {
    kind,
    apiVersion,
    spec: {
      envelopeHash: sha256(Buffer.from(text)),
      payloadHash: sha256(Buffer.from(envelope.payload, 'base64')),
      signatures: envelope.signatures.map(({ sig }) => ({ signature: sig, verifier })),
    },
  };
}

const sha256 = (bytes: Buffer) => ({ algorithm: 'sha256', value: hash('sha256', bytes, 'hex') });
