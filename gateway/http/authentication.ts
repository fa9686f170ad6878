import '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { remember } from '../../domain/redaction.ts';
import type { GatewayLimits, TokenIdentity, TokenScope, TokenVerifier } from '../dependencies.ts';
import type { Directory } from '../people.ts';
import { Problem } from '../problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The scope that a token needs for this route; without one, the route is open to all. */
    scope?: TokenScope;
  }
  interface FastifyRequest {
    identity: TokenIdentity | null;
  }
}

export interface AuthenticationDependencies {
  tokens: TokenVerifier;
  directory: Directory;
  limits: GatewayLimits;
}

/** Asks for a bearer token before a body is read, and limits how often anyone may ask. Needs @fastify/rate-limit. */
export function addAuthentication(
  app: FastifyInstance,
  { tokens, directory, limits }: AuthenticationDependencies,
): void {
  const window = { timeWindow: 60_000, cache: 10_000 };
  const failures = app.createRateLimit({ ...window, max: limits.failuresPerMinute, keyGenerator: byAddress });
  const anonymous = app.createRateLimit({ ...window, max: limits.callsPerMinute, keyGenerator: byAddress });
  const alerts = app.createRateLimit({ ...window, max: limits.alertsPerMinute, keyGenerator: byToken });
  const events = app.createRateLimit({
    ...window,
    max: limits.registryEventsPerMinute,
    keyGenerator: byToken,
  });
  const calls = app.createRateLimit({ ...window, max: limits.callsPerMinute, keyGenerator: byToken });

  app.decorateRequest('identity', null);
  app.addHook('onRequest', async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) return spend(anonymous, request);
    const identity = await verified(request, tokens);
    if (identity === undefined) {
      // Counted only when it failed, so that a neighbour behind the same address is not locked out.
      await spend(failures, request);
      throw new Problem(401, 'FB1101', 'Authorization: send "Bearer " and a valid token');
    }
    request.identity = identity;
    await spend(scope === 'alerts' ? alerts : scope === 'registry-events' ? events : calls, request);
    if (!identity.scopes.includes(scope)) {
      throw new Problem(403, 'FB1102', `the token does not have the scope "${scope}"; create one that has`);
    }
    if (!directory.mayOwnTokens(identity.owner)) {
      throw new Problem(403, 'FB1103', "the token's owner is not in the directory, or no longer active");
    }
    if (scope === 'decide' && directory.person(identity.owner) === undefined) {
      throw new Problem(403, 'FB1104', "the token's owner is not a person, and only persons decide");
    }
  });
}

const byToken = (request: FastifyRequest): string => request.identity?.id ?? request.ip;
const byAddress = (request: FastifyRequest): string => request.ip;

/** The identity behind a request that has passed. */
export function identityOf(request: FastifyRequest): TokenIdentity {
  if (request.identity === null) throw new TypeError('the route asks for no token');
  return request.identity;
}

async function verified(request: FastifyRequest, tokens: TokenVerifier): Promise<TokenIdentity | undefined> {
  const token = /^bearer ([\w.~+/-]{1,512}=*)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return undefined;
  const identity = await tokens.verify(token);
  // Redaction knows it by its form when it is plain, and from now on in other encodings too. Only what is valid: strangers could send texts to be hidden.
  if (identity !== undefined) remember(token);
  return identity;
}

async function spend(
  limit: ReturnType<FastifyInstance['createRateLimit']>,
  request: FastifyRequest,
): Promise<void> {
  const state = await limit(request);
  if (!state.isAllowed && state.isExceeded) {
    throw new Problem(429, 'FB1010', 'too many requests; slow down', {
      retryAfter: Math.max(1, state.ttlInSeconds),
    });
  }
}
