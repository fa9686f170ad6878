import { Agent, request } from 'node:https';
import type { KeyPair } from './certificates.ts';

/** What the testbed itself asks of a kube-apiserver: one JSON request at a time. */
export interface Api {
  get(path: string): Promise<Answer>;
  /** Server-side apply: creates the object at `path`, or makes its fields these. */
  apply(path: string, object: object): Promise<Answer>;
}

interface Answer {
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

  function send(method: string, path: string, body?: object, type = 'application/json'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': type, accept: 'application/json' };
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
    apply: (path, object) =>
      send('PATCH', `${path}?fieldManager=testbed&force=true`, object, 'application/apply-patch+yaml'),
  };
}

/** {@link Api.apply}. @throws with the server's message when it is refused. */
export async function apply(api: Api, path: string, object: object): Promise<void> {
  const { status, body } = await api.apply(path, object);
  if (status !== 200 && status !== 201) throw new Error(`apply ${path}: ${status} ${JSON.stringify(body)}`);
}
