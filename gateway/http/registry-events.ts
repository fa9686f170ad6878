import type { Readable } from 'node:stream';
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AccessLog } from '../../domain/access-log.ts';
import { sha256 } from '../../domain/json.ts';
import type { RegistryEvents } from '../../domain/registry-event.ts';
import type { GatewayLimits, TokenIdentity } from '../dependencies.ts';
import { Problem } from '../problem.ts';
import { envelope, readEnvelope, type Notification } from '../registry-envelope.ts';
import { identityOf } from './authentication.ts';
import { problemsFor, registryEventsResponse, secured } from './schemas.ts';

export interface RegistryEventDependencies {
  registryEvents: Pick<RegistryEvents, 'append'>;
  /** Names of the registries that are configured. */
  registries: readonly string[];
  accessLog: AccessLog;
  limits: GatewayLimits;
}

const json = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i;
const kept = 4 * 1024 * 1024;
/** A request without a body, which has no type either. */
const empty: Notification = { bytes: Buffer.alloc(0), size: 0, digest: sha256('') };
/** An index with thousands of entries lists each of them. */
const jsonKeys = 200_000;

/** How many events of a notification came of it. */
type Taken = z.output<typeof registryEventsResponse>;

/** `POST /v1/registry-events/{registry}`: what CNCF Distribution sends to an endpoint of its `notifications`. */
export function addRegistryEventRoutes(
  app: FastifyInstance,
  { registryEvents, registries, accessLog, limits }: RegistryEventDependencies,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(json, (_request: FastifyRequest, payload: Readable) => receive(payload));
  // Bodies are read by the handler; the schemas are for the description alone.
  app.setValidatorCompiler(() => (value: unknown) => ({ value }));

  app.post<{ Params: { registry: string }; Body: Notification | undefined }>(
    '/:registry',
    {
      config: { scope: 'registry-events', access: 'registry-event' },
      schema: {
        ...secured(
          'Take in what a registry notifies of',
          'An envelope of CNCF Distribution: who pushed, pulled and deleted what.',
          'registry-events',
        ),
        params: z.object({ registry: z.string() }),
        body: envelope,
        response: { 200: registryEventsResponse, ...problemsFor([401, 403, 404, 415, 429, 503]) },
      },
    },
    async (request, reply) =>
      reply.send(await take(request.params.registry, request.body ?? empty, identityOf(request))),
  );

  /** Answers once it is durable. */
  async function take(
    registry: string,
    notification: Notification,
    { id: token, registry: bound }: TokenIdentity,
  ): Promise<Taken> {
    if (!registries.includes(registry)) {
      const names = registries.length === 0 ? 'none is configured' : `configured: ${registries.join(', ')}`;
      throw new Problem(404, 'FB1214', `there is no such registry; ${names}`);
    }
    if (bound !== undefined && bound !== registry)
      throw new Problem(403, 'FB1105', 'the token is for another registry; create one for this one');
    const { events, unreadable } = readEnvelope(notification, {
      jsonDepth: limits.jsonDepth,
      jsonKeys,
    });
    let taken: { stored: number; known: number };
    try {
      taken = await registryEvents.append(registry, { events, unreadable });
    } catch (error) {
      throw new Problem(503, 'FB1407', 'the registry events cannot be stored; send it again', {
        retryAfter: 10,
        cause: error,
      });
    }
    for (const { digest, size, why } of unreadable) {
      await accessLog.append({
        outcome: 'refused',
        kind: 'registry-event',
        code: 'FB1215',
        actor: `token:${token}`,
        detail: { registry, digest, size, why },
      });
    }
    return { ...taken, stored: taken.stored - unreadable.length, unreadable: unreadable.length };
  }
}

/** Reads a body to its end, however long, and keeps it when it is not too long: a refusal would make the registry send it for ever. */
async function receive(payload: Readable): Promise<Notification> {
  const hash = createHash('sha256');
  let chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of payload) {
    const bytes = Buffer.from(chunk);
    hash.update(bytes);
    size += bytes.length;
    if (size <= kept) chunks.push(bytes);
    else chunks = [];
  }
  const digest = `sha256:${hash.digest('hex')}` as const;
  return size <= kept ? { bytes: Buffer.concat(chunks), size, digest } : { size, digest };
}
