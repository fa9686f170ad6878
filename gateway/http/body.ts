import type { FastifyInstance } from 'fastify';
import type { Digest } from '../../domain/json.ts';
import { parseJson, type JsonLimits } from '../json.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Digest of the body as it was kept in evidence. */
    rawBody: Digest | null;
  }
}

const json = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i;

/** JSON bodies read strictly, or, with `raw`, handed on byte for byte. Every other type is refused. */
export function addBodyParser(app: FastifyInstance, limits: JsonLimits, mode: 'parsed' | 'raw'): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(json, { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    if (mode === 'raw') {
      done(null, body);
      return;
    }
    try {
      done(null, parseJson(body, limits));
    } catch (error) {
      done(error instanceof Error ? error : new Error('the body cannot be read', { cause: error }));
    }
  });
}
