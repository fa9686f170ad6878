import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import Fastify, { LogController, type FastifyInstance } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { createDecisionService } from '../decisions.ts';
import { defaultLimits, type GatewayDependencies } from '../dependencies.ts';
import { AlertIntake } from '../intake.ts';
import { createPreparation } from '../opening.ts';
import { Problem } from '../problem.ts';
import type { IncidentPort } from '../temporal-port.ts';
import { createIncidentPort } from '../temporal.ts';
import { tolerant } from './access.ts';
import { addAlertRoutes } from './alerts.ts';
import { addAuthentication } from './authentication.ts';
import { addErrorHandling, send } from './errors.ts';
import { addHealth } from './health.ts';
import { addIncidentRoutes } from './incidents.ts';
import { addRegistryEventRoutes } from './registry-events.ts';

export interface Gateway {
  app: FastifyInstance;
  /** Answers the URL it listens at. */
  listen(address: { host: string; port: number }): Promise<string>;
  /** Answers what is in flight, then stops. */
  close(): Promise<void>;
}

/**
 * The inbound edge: detectors' alerts, the API, health, and the doors plugged in. It starts while Temporal is down, and answers 503 until it is up.
 * @param incidents for tests: in place of the one over `deps.temporal`
 */
export function createGateway(deps: GatewayDependencies, incidents: IncidentPort = portOf(deps)): Gateway {
  const { stores, signer, policy, directory, routes, playbooks, clusters, genericSources } = deps;
  const now = deps.now ?? (() => new Date());
  const limits = { ...defaultLimits, ...deps.limits };
  const app = application(deps, limits.bodyBytes);
  const accessLog = tolerant(stores.accessLog, app.log);
  const decisions = createDecisionService({ incidents, directory, signer, accessLog, now });
  const intake = new AlertIntake({
    incidents,
    prepare: createPreparation(signer, policy, now),
    queued: limits.queued,
    queuedPerKey: limits.queuedPerKey,
  });

  app.decorateRequest('rawBody', null);
  addErrorHandling(app, accessLog);
  void app.register(rateLimit, { global: false });
  void app.register(swagger, {
    openapi: { openapi: '3.1.0', ...description },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  void app.register(async (scope) => {
    addAuthentication(scope, { tokens: stores.tokens, directory, limits });
    addHealth(scope, { incidents, stores });
    scope.get('/v1/openapi.json', { schema: { hide: true } }, () => app.swagger());
    await scope.register(
      async (alerts) =>
        addAlertRoutes(alerts, {
          evidence: stores.evidence,
          accessLog,
          intake,
          routes,
          clusters,
          genericSources,
          limits,
          now,
        }),
      { prefix: '/v1/alerts' },
    );
    await scope.register(
      async (events) =>
        addRegistryEventRoutes(events, {
          registryEvents: stores.registryEvents,
          registries: deps.registries,
          accessLog,
          limits,
        }),
      { prefix: '/v1/registry-events' },
    );
    await scope.register(
      async (v1) =>
        addIncidentRoutes(v1, {
          incidents,
          decisions,
          intake,
          accessLog,
          ledger: stores.ledger,
          playbooks,
          clusters,
          closedIncident: (incident) => deps.closedIncident(incident),
          limits,
        }),
      { prefix: '/v1/incidents' },
    );
  });
  const { slack } = deps;
  if (slack !== undefined) void app.register(async (scope) => slack.register(scope, { decisions }));

  return {
    app,
    listen: (address) => app.listen(address),
    close: () => app.close(),
  };
}

function portOf({ temporal, taskQueue, limits }: GatewayDependencies): IncidentPort {
  const { temporalMs, workerMs } = { ...defaultLimits, ...limits };
  return createIncidentPort({ client: temporal, taskQueue, temporalMs, workerMs });
}

const description = {
  info: {
    title: 'Firebreak',
    version: '1',
    description:
      'Alerts in, decisions in, incidents out. Errors are RFC 9457 problems whose `code` docs/reference/errors.md lists.',
  },
  components: { securitySchemes: { token: { type: 'http' as const, scheme: 'bearer' } } },
};

/** The bare application: logging without secrets, request ids, security headers, timeouts. */
function application({ logger }: GatewayDependencies, bodyLimit: number): FastifyInstance {
  const app = Fastify({
    loggerInstance: logger.child(
      { room: 'gateway' },
      { redact: ['*.authorization', '*.headers.authorization', '*.headers.cookie'] },
    ),
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit,
    requestTimeout: 30_000,
    // An idle connection also holds up a close for this long.
    keepAliveTimeout: 5_000,
    forceCloseConnections: 'idle',
    // What is refused before there is a route: the framework's own answer would echo the URL.
    frameworkErrors: (error, request, reply) => {
      const status = error.statusCode ?? 400;
      void send(reply, request, new Problem(status, 'FB1009', 'the URL is not valid for this API'));
    },
    routerOptions: { maxParamLength: 200 },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (request, reply) => {
    // Or the caller keeps the connection of its last answer open.
    if (closing) void reply.header('connection', 'close');
    void reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
  });
  app.addHook('onResponse', async (request, reply) => {
    // The route, not the URL: a query may hold what a log should not.
    const { method, url = '' } = request.routeOptions;
    request.log.info(
      { method, route: url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
  });
  return app;
}
