import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AccessLog } from '../../domain/access-log.ts';
import { redact } from '../../domain/redaction.ts';
import { Problem } from '../problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The kind under which refusals are recorded in the access log. */
    access?: string;
  }
}

const titles: { readonly [status: number]: string } = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Answers every error as RFC 9457 problem details, and records refusals. */
export function addErrorHandling(app: FastifyInstance, accessLog: AccessLog): void {
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const problem = toProblem(error, request);
    if (problem.status >= 500)
      request.log.error({ err: problem.cause ?? error, code: problem.code }, 'request failed');
    const { access } = request.routeOptions.config;
    if (access !== undefined && !(error instanceof Recorded)) {
      const { identity, rawBody } = request;
      await accessLog.append({
        outcome: 'refused',
        kind: problem.status === 401 ? 'token' : access,
        code: problem.code,
        actor: identity === null ? `ip:${request.ip}` : `token:${identity.id}`,
        ...(problem.incident === undefined ? {} : { incident: problem.incident }),
        detail: {
          path: request.routeOptions.url ?? '',
          why: redact(problem.detail),
          ...(identity === null ? {} : { owner: identity.owner }),
          ...(rawBody === null ? {} : { raw: rawBody }),
        },
      });
    }
    return send(reply, request, problem);
  });
  app.setNotFoundHandler((request, reply) =>
    send(reply, request, new Problem(404, 'FB1008', 'there is nothing at this path, or not for this method')),
  );
}

/** A problem that the called service has put into the access log already. */
export class Recorded extends Problem {
  constructor({ status, code, detail, retryAfter, incident, cause }: Problem) {
    super(status, code, detail, {
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(incident === undefined ? {} : { incident }),
      cause,
    });
  }
}

/** Answers with a problem, in RFC 9457's form. */
export function send(reply: FastifyReply, request: FastifyRequest, problem: Problem): FastifyReply {
  const { status, code, detail, retryAfter, incident } = problem;
  if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  return reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer((body: unknown) => JSON.stringify(body))
    .send({
      type: `urn:firebreak:error:${code}`,
      title: titles[status] ?? 'Error',
      status,
      code,
      detail: redact(detail),
      instance: request.id,
      ...(incident === undefined ? {} : { incident }),
    });
}

function toProblem(error: FastifyError, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [issue] = error.validation;
    const field = (issue?.instancePath ?? '').split('/').filter(Boolean).join('.');
    const where = field === '' ? (error.validationContext ?? 'the request') : field;
    return new Problem(422, 'FB1007', `${where}: ${issue?.message ?? 'is not valid'}`.slice(0, 500));
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem(
        413,
        'FB1005',
        `the body is larger than ${request.routeOptions.bodyLimit} bytes; send less`,
      );
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem(415, 'FB1006', 'Content-Type: must be application/json');
    default:
  }
  const { statusCode = 500 } = error;
  // The framework's own texts about a client's fault hold nothing of ours; anything else stays in the log.
  if (statusCode >= 400 && statusCode < 500)
    return new Problem(statusCode, 'FB1009', 'the request is not valid HTTP for this path');
  if (statusCode === 503)
    return new Problem(503, 'FB1404', 'the gateway is stopping; send it again', { retryAfter: 5 });
  return new Problem(500, 'FB1900', 'the gateway failed; its log has the request id', { cause: error });
}
