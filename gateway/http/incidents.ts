import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { AccessLog } from '../../domain/access-log.ts';
import type { IncidentView } from '../../domain/incident.ts';
import type { LedgerStore } from '../../domain/ledger.ts';
import type { CompiledPlaybook } from '../../language/run/playbook.ts';
import { workflowIdOf } from '../../workflows/contract.ts';
import { notFound, type DecisionService } from '../decisions.ts';
import type { GatewayLimits } from '../dependencies.ts';
import { shorten } from '../detectors/normalise.ts';
import type { AlertIntake } from '../intake.ts';
import { incidentKey } from '../opening.ts';
import { Problem } from '../problem.ts';
import { boundInputs } from '../routes.ts';
import { NotOpen, TemporalUnavailable, WorkerUnavailable, type IncidentPort } from '../temporal-port.ts';
import { identityOf } from './authentication.ts';
import { addBodyParser } from './body.ts';
import { Recorded } from './errors.ts';
import * as schemas from './schemas.ts';
import { problemsFor, secured } from './schemas.ts';

export interface IncidentDependencies {
  incidents: Pick<IncidentPort, 'status' | 'listOpen'>;
  decisions: DecisionService;
  intake: Pick<AlertIntake, 'open'>;
  accessLog: AccessLog;
  ledger: Pick<LedgerStore, 'read' | 'incidents'>;
  playbooks: ReadonlyMap<string, CompiledPlaybook>;
  clusters: readonly string[];
  closedIncident(incident: string): Promise<IncidentView | undefined>;
  limits: GatewayLimits;
}

/** Workers that are asked at a time for a list. */
const atOnce = 10;

/** `/v1/incidents…`: reading, deciding, commanding, and opening by hand. */
export function addIncidentRoutes(instance: FastifyInstance, deps: IncidentDependencies): void {
  addBodyParser(instance, deps.limits, 'parsed');
  addReading(instance, deps);
  addActing(instance, deps);
}

function addReading(instance: FastifyInstance, deps: IncidentDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const config = { scope: 'read', access: 'read' } as const;
  const failures = problemsFor([401, 403, 422, 429, 503]);

  app.get(
    '',
    {
      config,
      schema: {
        ...secured('List incidents', 'Open ones first, newest first.', 'read'),
        querystring: schemas.listQuery,
        response: { 200: schemas.listResponse, ...failures },
      },
    },
    async ({ query }) => ({ incidents: await listed(deps, query.status, query.limit) }),
  );

  app.get(
    '/:id',
    {
      config,
      schema: {
        ...secured(
          'Show an incident',
          'As its workflow says, or as its ledger does once the workflow is gone.',
          'read',
        ),
        params: schemas.incidentParams,
        response: { 200: schemas.incidentResponse, ...failures, ...problemsFor([404]) },
      },
    },
    async ({ params }) => {
      const found = await view(deps, params.id);
      return {
        ...found,
        steps: found.steps.map((step) => ({ ...step })),
        gates: found.gates.map((gate) => ({ ...gate })),
      };
    },
  );

  app.get(
    '/:id/ledger',
    {
      config,
      schema: {
        ...secured('Read an incident’s ledger', 'The hash-chained entries stored so far, in order.', 'read'),
        params: schemas.incidentParams,
        response: { 200: schemas.ledgerResponse, ...failures, ...problemsFor([404]) },
      },
    },
    async ({ params }) => {
      const entries = await deps.ledger.read(params.id);
      if (entries.length === 0) throw notFound(params.id);
      return { incident: params.id, entries: entries.map((entry) => ({ ...entry })) };
    },
  );
}

function addActing(instance: FastifyInstance, deps: IncidentDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const failures = problemsFor([400, 401, 403, 404, 409, 413, 415, 422, 429, 503]);

  app.post(
    '',
    {
      config: { scope: 'decide', access: 'open' },
      schema: {
        ...secured('Open an incident by hand', 'Runs a playbook; who runs it cannot approve it.', 'decide'),
        body: schemas.openBody,
        response: { 202: schemas.intakeResponse, ...failures },
      },
    },
    async (request, reply) => {
      const { playbook: id, inputs: given, mode, severity, reason } = request.body;
      const { id: token, owner } = identityOf(request);
      const playbook = deps.playbooks.get(id);
      if (playbook === undefined) {
        const known = [...deps.playbooks.keys()].slice(0, 20).join(', ');
        throw new Problem(422, 'FB1211', `playbook: there is none with this id; known: ${known}`);
      }
      const inputs = boundInputs(playbook, given);
      const { cluster } = inputs;
      if (cluster !== undefined && !deps.clusters.some((known) => known === cluster)) {
        throw new Problem(422, 'FB1204', 'inputs.cluster: is not a configured cluster');
      }
      const { incident, status } = await deps.intake.open({
        key: incidentKey(playbook.playbook.id, inputs, mode),
        title: shorten(`${playbook.playbook.name}: ${reason}`, 300),
        severity: severity ?? playbook.playbook.severity ?? 'high',
        mode,
        alert: null,
        playbook,
        inputs,
        requester: owner,
      });
      await deps.accessLog.append({
        outcome: 'accepted',
        kind: 'open',
        actor: owner,
        incident,
        detail: { token, playbook: id, mode, reason: shorten(reason, 500) },
      });
      return reply.code(202).send({ incident, status, href: `/v1/incidents/${incident}` });
    },
  );

  app.route({
    method: 'POST',
    url: '/:id/decisions',
    config: { scope: 'decide', access: 'decision' },
    schema: {
      ...secured(
        'Answer a question',
        'Approve or deny an open gate, or fill in its form, by the digest that was shown.',
        'decide',
      ),
      params: schemas.incidentParams,
      body: schemas.decisionBody,
      response: { 200: schemas.takenResponse, ...failures },
    },
    handler: async (request) => {
      const { gate, digest, verdict, reason, answers } = request.body;
      const person = identityOf(request).owner;
      const incident = request.params.id;
      const more = {
        ...(reason === undefined ? {} : { reason }),
        ...(answers === undefined ? {} : { answers }),
      };
      await taken(deps.decisions.decide({ incident, gate, digest, verdict, person, via: 'api', ...more }));
      return { status: 'taken' as const, incident };
    },
  });

  app.route({
    method: 'POST',
    url: '/:id/commands',
    config: { scope: 'decide', access: 'command' },
    schema: {
      ...secured(
        'Command an incident',
        'Ask for its release, take it over, hand it back, or cancel its playbook.',
        'decide',
      ),
      params: schemas.incidentParams,
      body: schemas.commandBody,
      response: { 200: schemas.takenResponse, ...failures },
    },
    handler: async (request) => {
      const { command, reason, nonce } = request.body;
      const { then } = request.body.command === 'cancel' ? request.body : {};
      const person = identityOf(request).owner;
      const incident = request.params.id;
      const more = { ...(nonce === undefined ? {} : { nonce }), ...(then === undefined ? {} : { then }) };
      await taken(deps.decisions.command({ incident, command, reason, person, via: 'api', ...more }));
      return { status: 'taken' as const, incident };
    },
  });
}

/** The service records what it refuses; it must not be recorded twice. */
async function taken(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    throw error instanceof Problem ? new Recorded(error) : error;
  }
}

/** The workflow's word, or the ledger's when the workflow is gone or is another incident's by now. */
async function view(deps: IncidentDependencies, incident: string): Promise<IncidentView> {
  const workflowId = workflowIdOf(incident);
  if (workflowId === undefined) throw notFound(incident);
  try {
    const found = await deps.incidents.status(workflowId);
    if (found.incident === incident) return found;
  } catch (error) {
    if (!(
      error instanceof NotOpen ||
      error instanceof TemporalUnavailable ||
      error instanceof WorkerUnavailable
    ))
      throw error;
    const closed = await deps.closedIncident(incident);
    if (closed !== undefined) return closed;
    if (error instanceof NotOpen) throw notFound(incident);
    throw error instanceof WorkerUnavailable
      ? new Problem(503, 'FB1403', 'no worker answered in time; ask again', {
          retryAfter: 5,
          incident,
          cause: error,
        })
      : new Problem(503, 'FB1401', 'Temporal cannot be reached; ask again', {
          retryAfter: 5,
          incident,
          cause: error,
        });
  }
  const closed = await deps.closedIncident(incident);
  if (closed === undefined) throw notFound(incident);
  return closed;
}

async function listed(deps: IncidentDependencies, status: 'open' | 'closed' | 'all', limit: number) {
  const open = status === 'closed' ? [] : await openIncidents(deps, limit);
  const summaries = await inTurns(open, async (incident) => {
    try {
      return summary(await view(deps, incident));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return {
        incident,
        title: '',
        severity: '',
        status: 'unknown',
        openedAt: '',
        href: `/v1/incidents/${incident}`,
      };
    }
  });
  if (status === 'open' || summaries.length >= limit) return summaries;
  const known = new Set(open);
  const others = (await deps.ledger.incidents()).filter((incident) => !known.has(incident));
  const closed = await inTurns(others, (incident) => deps.closedIncident(incident));
  const newest = closed
    .filter((found) => found !== undefined)
    .toSorted((a, b) => b.openedAt.localeCompare(a.openedAt))
    .slice(0, limit - summaries.length);
  return [...summaries, ...newest.map(summary)];
}

async function openIncidents(deps: IncidentDependencies, limit: number): Promise<string[]> {
  try {
    return await deps.incidents.listOpen(limit);
  } catch (error) {
    if (!(error instanceof TemporalUnavailable)) throw error;
    throw new Problem(503, 'FB1401', 'Temporal cannot be reached; ask again', {
      retryAfter: 5,
      cause: error,
    });
  }
}

async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += atOnce) {
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(work))));
  }
  return results;
}

function summary({ incident, title, severity, status, outcome, openedAt }: IncidentView) {
  const ended = outcome === undefined ? {} : { outcome };
  return { incident, title, severity, status, ...ended, openedAt, href: `/v1/incidents/${incident}` };
}
