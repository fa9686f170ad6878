import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AccessLog } from '../../domain/access-log.ts';
import type { FastifyReceiver } from './receiver.ts';
import type { ReplayMemory } from './replay-memory.ts';
import { verifyRequest } from './request-guard.ts';

export interface RouteDependencies {
  signingSecret: string;
  accessLog: AccessLog;
  logger: FastifyBaseLogger;
  memory: ReplayMemory;
  receiver: FastifyReceiver;
  /** Milliseconds. */
  now: () => number;
}

/** Bytes. A click carries the whole message it was made in, which Slack caps well below this. */
const bodyLimit = 512 * 1024;

/** Adds Slack's two addresses to a scope of its own: they take raw bytes, as the signature covers these. */
export function addRoutes(scope: FastifyInstance, deps: RouteDependencies): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) =>
    done(null, body),
  );
  scope.setErrorHandler(async (error: { statusCode?: number }, request, reply) => {
    const tooLarge = error.statusCode === 413;
    if (!tooLarge) deps.logger.error({ err: error }, 'FB1900: a Slack request failed');
    await refuse(deps, request, tooLarge ? 'FB1313' : 'FB1900', tooLarge ? 'body too large' : 'failed');
    return reply.code(tooLarge ? 413 : 500).send('');
  });
  const handle = (request: FastifyRequest, reply: FastifyReply) => take(deps, request, reply);
  scope.post('/slack/interactions', { bodyLimit, schema: { hide: true } }, handle);
  scope.post('/slack/events', { bodyLimit, schema: { hide: true } }, handle);
}

/** Signature, then memory, then meaning: only what Slack signed is remembered, and nothing happens before it is. */
async function take(deps: RouteDependencies, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const now = deps.now();
  const verified = verifyRequest({ headers: request.headers, body: raw }, deps.signingSecret, now);
  if (!verified.ok) {
    await refuse(deps, request, verified.code, verified.why);
    return reply.code(401).send('');
  }
  const admitted = deps.memory.admit(verified, now);
  if (admitted !== 'new') {
    const replay = admitted === 'replay';
    await refuse(
      deps,
      request,
      replay ? 'FB1312' : 'FB1318',
      replay ? 'replay' : 'too many requests to remember',
    );
    return reply.code(replay ? 409 : 503).send('');
  }
  const body = parse(raw.toString('utf8'), request.headers['content-type']);
  if (body === undefined) {
    await refuse(deps, request, 'FB1313', 'the body is not one that Slack sends');
    return reply.code(400).send('');
  }
  if (body['type'] === 'url_verification') {
    const challenge = z.string().max(1_000).safeParse(body['challenge']);
    return reply.code(challenge.success ? 200 : 400).send({ challenge: challenge.data ?? '' });
  }
  const answer = await deps.receiver.deliver(body);
  if (answer.status === 404) await refuse(deps, request, 'FB1313', 'nothing of ours is meant by it');
  return reply.code(answer.status).send(answer.body);
}

/** A form's `payload`, or JSON; undefined for anything else. */
function parse(text: string, contentType: string | undefined): { [key: string]: unknown } | undefined {
  const isForm = contentType?.startsWith('application/x-www-form-urlencoded') === true;
  const [json, ...others] = isForm ? new URLSearchParams(text).getAll('payload') : [text];
  if (json === undefined || others.length > 0) return undefined;
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(json)).data;
  } catch {
    // Not JSON: the caller refuses it and records that.
    return undefined;
  }
}

/** Never the body: of a forged request it is noise, of a replayed one it is known. */
function refuse(deps: RouteDependencies, request: FastifyRequest, code: string, why: string): Promise<void> {
  const detail = { why, path: request.routeOptions.url ?? '' };
  return deps.accessLog.append({
    outcome: 'refused',
    kind: 'slack',
    code,
    actor: `ip:${request.ip}`,
    detail,
  });
}
