import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Call } from './call.ts';

/** How old a signed request may be. */
const MAX_SKEW_MS = 5 * 60_000;

/** Whether the call was signed with this secret: Signature Version 4, in the headers. */
export function isSignedWith(call: Call, secretAccessKey: string): boolean {
  const at = call.headers['x-amz-date'];
  if (typeof at !== 'string') return false;
  const stringToSign = ['AWS4-HMAC-SHA256', at, call.scope, sha256(canonicalRequest(call))].join('\n');
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of call.scope.split('/')) key = hmac(key, part);
  return timingSafeEqual(hmac(key, stringToSign), Buffer.from(call.signature, 'hex'));
}

/** Whether its date is of now, and of its signature's scope. */
export function isFresh(call: Call): boolean {
  const at = String(call.headers['x-amz-date']);
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(at);
  if (found === null || !call.scope.startsWith(at.slice(0, 8))) return false;
  const [, year, month, day, hour, minute, second] = found;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Math.abs(call.time.getTime() - time) <= MAX_SKEW_MS;
}

function canonicalRequest(call: Call): string {
  const url = new URL(call.url, 'http://aws');
  const query = [...url.searchParams]
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .toSorted()
    .join('&');
  const headers = call.signedHeaders
    .map(
      (name) =>
        `${name}:${String(call.headers[name] ?? '')
          .trim()
          .replaceAll(/\s+/g, ' ')}\n`,
    )
    .join('');
  // Every service but S3 escapes the path twice.
  const path = url.pathname.split('/').map(escape).join('/');
  return [call.method, path, query, headers, call.signedHeaders.join(';'), sha256(call.body)].join('\n');
}

function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
