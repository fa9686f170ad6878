import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AccessLog } from '../../domain/access-log.ts';
import type { Alert } from '../../domain/alert.ts';
import { EvidenceStoreFull, type EvidenceRef, type EvidenceStore } from '../../domain/evidence.ts';
import { sha256, type Json } from '../../domain/json.ts';
import type { GatewayLimits } from '../dependencies.ts';
import { falcoAlert, falcoPayload } from '../detectors/falco.ts';
import type { GenericSource } from '../detectors/generic.ts';
import type { Arrival } from '../detectors/normalise.ts';
import type { AlertIntake, Intake } from '../intake.ts';
import { anyJson, parseJson } from '../json.ts';
import type { OpeningRequest } from '../opening.ts';
import { Problem } from '../problem.ts';
import { Recent } from '../recent.ts';
import type { Route } from '../routes.ts';
import { identityOf } from './authentication.ts';
import { addBodyParser } from './body.ts';
import { falcoExample, intakeResponse, problemsFor, secured } from './schemas.ts';

export interface AlertDependencies {
  evidence: EvidenceStore;
  accessLog: AccessLog;
  intake: Pick<AlertIntake, 'take'>;
  routes: readonly Route[];
  clusters: readonly string[];
  genericSources: ReadonlyMap<string, GenericSource>;
  limits: GatewayLimits;
  now: () => Date;
}

type Reader = (body: Json, arrival: Arrival) => Alert;
interface Answer {
  status: Intake['status'] | 'no-route';
  incident?: string;
  href?: string;
}

const refusals = [400, 401, 403, 413, 415, 422, 429, 503] as const;
const recordedKept = 20_000;

/** `POST /v1/alerts/…`: the doors of the detectors. */
export function addAlertRoutes(app: FastifyInstance, deps: AlertDependencies): void {
  const { evidence, accessLog, intake, routes, clusters, genericSources, limits, now } = deps;
  /** (incident, artefact) pairs whose custody is recorded. */
  const recorded = new Recent<true>(recordedKept);
  addBodyParser(app, limits, 'raw');
  // Bodies are read by the handlers, after they were kept; the schemas are for the description alone.
  app.setValidatorCompiler(() => (value: unknown) => ({ value }));
  const config = { scope: 'alerts', access: 'alert' } as const;
  const response = { 202: intakeResponse, ...problemsFor(refusals) };

  app.post(
    '/falco',
    {
      config,
      schema: {
        ...secured('Take in a Falco alert', 'Falco or Falcosidekick, `json_output: true`.', 'alerts'),
        body: falcoPayload.meta({ examples: [falcoExample] }),
        response,
      },
    },
    async (request, reply) => reply.code(202).send(await receive(request, falcoAlert)),
  );

  app.post<{ Params: { name: string } }>(
    '/generic/:name',
    {
      config,
      schema: {
        ...secured(
          'Take in an alert of a configured source',
          'Fields are mapped by CEL from the configuration.',
          'alerts',
        ),
        params: z.object({ name: z.string() }),
        body: anyJson,
        response: { ...response, ...problemsFor([404]) },
      },
    },
    async (request, reply) => {
      const source = genericSources.get(request.params.name);
      if (source === undefined) throw unknownSource([...genericSources.keys()]);
      return reply.code(202).send(await receive(request, generic(source, request)));
    },
  );

  app.post(
    '/generic',
    {
      config,
      schema: {
        ...secured(
          'Take in an alert of the only configured source',
          'Where exactly one is configured.',
          'alerts',
        ),
        body: anyJson,
        response: { ...response, ...problemsFor([404]) },
      },
    },
    async (request, reply) => {
      const [source, another] = genericSources.values();
      if (source === undefined || another !== undefined) throw unknownSource([...genericSources.keys()]);
      return reply.code(202).send(await receive(request, generic(source, request)));
    },
  );

  /** From bytes to a durable alert. */
  async function receive(request: FastifyRequest, read: Reader): Promise<Answer> {
    const { id: token, owner, cluster } = identityOf(request);
    const bytes = request.body;
    if (!Buffer.isBuffer(bytes))
      throw new Problem(400, 'FB1001', 'the body is empty; send the alert as JSON');
    const body = parseJson(bytes, limits);
    const { raw, kept } = await keep(bytes);
    request.rawBody = raw.digest;
    const receivedAt = now();
    const alert = read(body, {
      owner,
      clusters,
      raw,
      receivedAt,
      ...(cluster === undefined ? {} : { cluster }),
    });
    const detail = { owner, source: alert.source, alert: alert.id, raw: raw.digest, kept };
    const opening = opened(routes, alert);
    if (opening === undefined) {
      await accessLog.append({
        outcome: 'accepted',
        kind: 'alert',
        actor: `token:${token}`,
        detail: { ...detail, status: 'no-route' },
      });
      return { status: 'no-route' };
    }
    const { incident, status } = await intake.take({ ...opening, alert });
    await custody(incident, raw, kept, alert, token);
    if (status !== 'duplicate') {
      await accessLog.append({
        outcome: 'accepted',
        kind: 'alert',
        actor: `token:${token}`,
        incident,
        detail: { ...detail, status },
      });
    }
    return { incident, status, href: `/v1/incidents/${incident}` };
  }

  /** Stores the body as it came. A full store is noted and turns no alert away: containment matters more. */
  async function keep(bytes: Buffer): Promise<{ raw: EvidenceRef; kept: boolean }> {
    const mediaType = 'application/json';
    try {
      return { raw: await evidence.put(bytes, mediaType), kept: true };
    } catch (error) {
      if (error instanceof EvidenceStoreFull) {
        app.log.error(
          { err: error },
          'FB1405: the evidence store is full; the alert is taken in without its raw body',
        );
        return { raw: { digest: sha256(bytes), size: bytes.length, mediaType }, kept: false };
      }
      throw new Problem(503, 'FB1405', 'the evidence store cannot be written; send it again', {
        retryAfter: 10,
        cause: error,
      });
    }
  }

  async function custody(
    incident: string,
    ref: EvidenceRef,
    kept: boolean,
    alert: Alert,
    token: string,
  ): Promise<void> {
    const pair = `${incident}/${ref.digest}`;
    if (!kept || recorded.get(pair) === true) return;
    recorded.set(pair, true);
    const name = `alerts/${alert.source}/${ref.digest.slice('sha256:'.length, 'sha256:'.length + 16)}.json`;
    try {
      await evidence.record([
        {
          ref,
          name,
          incident,
          collector: 'firebreak/gateway',
          source: `token ${token} of ${alert.owner}`,
          at: alert.receivedAt,
        },
      ]);
    } catch (error) {
      // The alert is durable, and names the artefact's digest: turning it away now would be worse.
      recorded.delete(pair);
      app.log.error({ err: error, incident }, 'FB1405: the custody of an alert cannot be recorded');
    }
  }
}

/**
 * What the first route that matches asks for. One whose expressions have no value for this alert, which its sender may bring about, does not keep
 * it from the routes after it.
 * @throws Problem of that route when none of them takes the alert
 */
function opened(routes: readonly Route[], alert: Alert): OpeningRequest | undefined {
  let failure: Problem | undefined;
  for (const route of routes) {
    try {
      const opening = route.open(alert);
      if (opening !== undefined) return opening;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

function generic(source: GenericSource, { headers }: FastifyRequest): Reader {
  return (body, arrival) => source.read(body, headers, arrival);
}

function unknownSource(known: string[]): Problem {
  const names = known.length === 0 ? 'none is configured' : `configured: ${known.join(', ')}`;
  return new Problem(404, 'FB1205', `there is no such source; ${names}`);
}
