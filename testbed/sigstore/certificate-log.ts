import { generateKeyPairSync, hash, sign, X509Certificate } from 'node:crypto';
import { ASN1Obj } from '@sigstore/core';
import { isRecord, startApiServer, type ApiReply, type ApiServer } from '../api-server.ts';

const POISON = '1.3.6.1.4.1.11129.2.4.3';
const SHA256_ECDSA = Buffer.from([4, 3]);

export interface CertificateLog extends ApiServer {
  /** PEM. */
  publicKey: string;
}

/**
 * What Fulcio asks of a log of certificates: `add-pre-chain` of RFC 6962 (4.2), answered with a promise over the certificate without its poison
 * (3.2). Fulcio checks each promise. It keeps no tree: nobody asks it for proofs.
 */
export async function startCertificateLog(): Promise<CertificateLog> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = hash('sha256', publicKey.export({ format: 'der', type: 'spki' }), 'buffer');

  function promise(precertificate: Buffer<ArrayBuffer>, issuer: Buffer): ApiReply {
    const issuerKey = new X509Certificate(issuer).publicKey.export({ format: 'der', type: 'spki' });
    const certificate = withoutPoison(precertificate);
    const timestamp = Date.now();
    const signed = Buffer.concat([
      Buffer.from([0, 0]),
      unsigned(timestamp, 8),
      unsigned(1, 2),
      hash('sha256', issuerKey, 'buffer'),
      unsigned(certificate.length, 3),
      certificate,
      unsigned(0, 2),
    ]);
    const signature = sign('sha256', signed, privateKey);
    const struct = Buffer.concat([SHA256_ECDSA, unsigned(signature.length, 2), signature]);
    const body = { sct_version: 0, id: id.toString('base64'), timestamp, extensions: '' };
    return { status: 200, body: { ...body, signature: struct.toString('base64') } };
  }

  const server = await startApiServer(({ method, parts, body }) => {
    if (method !== 'POST' || parts.join('/') !== 'ct/v1/add-pre-chain') return { status: 404 };
    const chain = isRecord(body) && Array.isArray(body['chain']) ? body['chain'] : [];
    const [first, second] = chain.map((link) => Buffer.from(String(link), 'base64'));
    if (first === undefined || second === undefined) return { status: 400, body: { error: 'no chain' } };
    return promise(first, second);
  });
  return { ...server, publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString() };
}

/** The part of a precertificate that will be in the certificate: its first part without the extension that makes it one. */
function withoutPoison(precertificate: Buffer<ArrayBuffer>): Buffer {
  const [tbs] = ASN1Obj.parseBuffer(precertificate).subs;
  const extensions = tbs?.subs.findLast(({ tag }) => tag.isContextSpecific(3))?.subs[0];
  const at = extensions?.subs.findIndex(({ subs: [oid] }) => oid?.toOID() === POISON) ?? -1;
  if (tbs === undefined || extensions === undefined || at < 0) throw new Error('it is no precertificate');
  extensions.subs.splice(at, 1);
  return tbs.toDER();
}

function unsigned(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer.subarray(8 - bytes);
}
