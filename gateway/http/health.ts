import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { GatewayStores } from '../dependencies.ts';
import type { IncidentPort } from '../temporal-port.ts';

export interface HealthDependencies {
  incidents: Pick<IncidentPort, 'reachable'>;
  stores: Pick<GatewayStores, 'evidence' | 'killSwitch'>;
}

const readiness = z.object({
  ready: z.boolean(),
  temporal: z.enum(['reachable', 'unreachable']),
  stores: z.enum(['writable', 'unwritable']),
  killSwitch: z
    .enum(['off', 'stopped'])
    .meta({ description: 'Changes are stopped; alerts and decisions are still taken' }),
});
type Readiness = z.infer<typeof readiness>;

/** An answer is kept for this long: probes must not become load. */
const keptMs = 1_000;
/** The same few bytes for as long as the process lives: content-addressed, so probing fills nothing. */
const probe = `firebreak readiness probe ${randomBytes(8).toString('hex')}\n`;

/** `GET /healthz`: the process serves. `GET /readyz`: it can take an alert in. */
export function addHealth(app: FastifyInstance, { incidents, stores }: HealthDependencies): void {
  let last: { at: number; answer: Promise<Readiness> } | undefined;

  async function check(): Promise<Readiness> {
    const [reachable, writable, stopped] = await Promise.all([
      incidents.reachable(),
      settled(stores.evidence.put(probe, 'text/plain'), () => true, false),
      // Reads as stopped when it cannot be read.
      settled(stores.killSwitch.read(), (state) => state.stopped, true),
    ]);
    return {
      ready: reachable && writable,
      temporal: reachable ? 'reachable' : 'unreachable',
      stores: writable ? 'writable' : 'unwritable',
      killSwitch: stopped ? 'stopped' : 'off',
    };
  }

  app.get(
    '/healthz',
    {
      schema: {
        summary: 'Whether the process serves',
        tags: ['health'],
        response: { 200: z.object({ status: z.literal('ok') }) },
      },
    },
    () => ({ status: 'ok' }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Whether an alert can be taken in',
        tags: ['health'],
        response: { 200: readiness, 503: readiness },
      },
    },
    async (_request, reply) => {
      if (last === undefined || Date.now() - last.at > keptMs) last = { at: Date.now(), answer: check() };
      const answer = await last.answer;
      return reply.code(answer.ready ? 200 : 503).send(answer);
    },
  );
}

function settled<T, R>(promise: Promise<T>, map: (value: T) => R, otherwise: R): Promise<R> {
  return promise.then(map, () => otherwise);
}
