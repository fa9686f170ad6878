import { z } from 'zod';
import { basic, bearer, createServiceClient, type Authorization } from '../service/client.ts';
import { isServiceError } from '../service/errors.ts';
import { notUnderstood, queryRefused } from './failures.ts';
import type { MetricsConfig } from './sources.ts';

/** How one sample of an answer reads: `[seconds, "value"]`, or a native histogram. */
const pair = z.tuple([z.number(), z.string()]);
const series = z.looseObject({
  metric: z.record(z.string(), z.string()),
  value: pair.exactOptional(),
});
const annotations = z.array(z.string()).default([]);

const answerShape = z.looseObject({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.looseObject({ resultType: z.literal('vector'), result: z.array(series) }),
    z.looseObject({ resultType: z.literal('scalar'), result: pair }),
    z.looseObject({ resultType: z.literal('string'), result: pair }),
    z.looseObject({ resultType: z.literal('matrix'), result: z.array(z.unknown()) }),
  ]),
  warnings: annotations,
  infos: annotations,
});

/** What Prometheus answers to an instant query. Labels, values and annotations are text of others. */
export type Answer = z.infer<typeof answerShape>;

/** The query API of one Prometheus, as far as it is needed: prometheus.io/docs/prometheus/latest/querying/api. */
export interface Prometheus {
  /**
   * Evaluates a query at a time, in seconds since 1970; now, by its own clock, when none is given.
   * @throws ServiceError when it cannot be asked; FB3905 when it refuses the query; FB3906 when its answer is none of its API
   */
  query(what: string, query: string, at?: number): Promise<Answer>;
  close(): Promise<void>;
}

/** What one answer may hold: a query is meant to yield one number. */
const maxBytes = 1024 * 1024;
/** Seconds that it may evaluate: below what a call waits for. */
const evaluationSeconds = 10;

export function connectPrometheus(source: MetricsConfig, signal: AbortSignal): Prometheus {
  const service = `metrics.${source.name}`;
  const client = createServiceClient({
    service,
    baseUrl: source.url,
    authorization: () => authorizationOf(source),
    maxBytes,
  });
  return {
    async query(what, query, at) {
      let body: unknown;
      try {
        ({ body } = await client.read({
          operation: `query ${what}`,
          path: '/api/v1/query',
          query: {
            query,
            timeout: `${evaluationSeconds}s`,
            ...(at === undefined ? {} : { time: at.toFixed(3) }),
          },
          signal,
        }));
      } catch (error) {
        // 400: it cannot be parsed; 422: it cannot be evaluated. Neither comes right by asking again.
        if (isServiceError(error, 'refused') && error.status >= 400) throw queryRefused(error.message);
        throw error;
      }
      const parsed = answerShape.safeParse(body);
      if (!parsed.success)
        throw notUnderstood(`${service}: the answer to ${what} is none of its API: is this its address?`);
      return parsed.data;
    },
    close: () => client.close(),
  };
}

async function authorizationOf({ auth }: MetricsConfig): Promise<Authorization> {
  if (auth === undefined) return { headers: {}, secrets: [] };
  if ('token' in auth) return bearer(await auth.token());
  return basic(auth.username, await auth.password());
}
