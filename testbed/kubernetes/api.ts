import { Agent, request } from 'node:https';
import type { KeyPair } from './certificates.ts';

/** What the testbed itself asks of a kube-apiserver: one JSON request at a time. */
export interface Api {
  get(path: string): Promise<Answer>;
  post(path: string, body: object): Promise<Answer>;
  put(path: string, body: object): Promise<Answer>;
}

export interface Answer {
  status: number;
  /** Parsed when it is JSON, else the text. */
  body: unknown;
}

const TIMEOUT_MS = 5_000;

/** A client with `identity`'s certificate. Rejects when there is no answer; an HTTP error is an answer. */
export function createApi(url: string, caCertificate: string, identity: KeyPair): Api {
  // No kept-alive sockets: an outage test would meet dead ones.
  const agent = new Agent({
    ca: caCertificate,
    cert: identity.certificate,
    key: identity.key,
    keepAlive: false,
  });

  function send(method: string, path: string, body?: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const outgoing = request(new URL(path, url), { method, agent, headers, signal }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    get: (path) => send('GET', path),
    post: (path, body) => send('POST', path, body),
    put: (path, body) => send('PUT', path, body),
  };
}

/** Creates an object, or leaves the one that is there. @throws with the server's message on any other answer. */
export async function ensure(api: Api, collection: string, object: object): Promise<void> {
  const { status, body } = await api.post(collection, object);
  if (status !== 201 && status !== 409)
    throw new Error(`POST ${collection}: ${status} ${JSON.stringify(body)}`);
}
