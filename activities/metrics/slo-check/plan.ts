import { placeOf, type ActionContext, type Plan } from '../../../domain/action.ts';
import { canonical } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { Prometheus } from '../prometheus.ts';
import type { MetricsConfig } from '../sources.ts';
import { offsetsOf, notCovered, type SloCheckInput } from './contract.ts';
import { baseOfCheck } from './evidence.ts';
import { numberIn } from './judge.ts';
import type { Questions } from './questions.ts';

/** Has Prometheus itself parse and evaluate each query: one that it refuses is found before anything depends on it. What they yield now is shown, not judged. */
export async function planCheck(
  action: string,
  context: ActionContext,
  source: MetricsConfig,
  prometheus: Prometheus,
  questions: Questions,
  input: SloCheckInput,
): Promise<Plan> {
  const all = [...questions.objectives, { what: 'traffic', prepared: questions.traffic }];
  const seen = await Promise.all(
    all.map(async ({ what, prepared: { query } }) => {
      const found = numberIn(await prometheus.query(what, query));
      return `${what}: ${oneLine(query, 200)}; now it ${'value' in found ? `is ${found.value}` : found.why}`;
    }),
  );
  const count = offsetsOf(input).length;
  const when =
    input.at === undefined
      ? count === 1
        ? 'once'
        : `${count} times within ${input.during}`
      : `as it was ${input.before === undefined ? 'at' : `${input.before} before`} ${input.at}`;
  const many = questions.objectives.length;
  const objectives = `${many} ${many === 1 ? 'objective' : 'objectives'}`;
  const place = placeOf('metrics', source.name);
  const authority: Plan['authority'] = {
    action,
    targets: [{ kind: 'Metrics', cluster: place, name: source.name, uid: source.name }],
    rule: `measure ${objectives} ${when}, over ${input.window}; change nothing`,
    caps: { measurements: count },
    undo: 'none',
  };
  const queries = all.map(({ prepared }) => prepared.query);
  const snapshot = await context.evidence.put(baseOfCheck(context.now(), queries), 'application/json', {
    essential: true,
  });
  const full = await context.evidence.put(canonical({ authority, queries, seen }), 'application/json', {
    essential: true,
  });
  return {
    action,
    authority,
    facts: [
      {
        cluster: place,
        namespace: '',
        principal: `metrics/${source.name}`,
        supports: [],
        pods: 0,
        environment: source.environment,
      },
    ],
    changes: [],
    changeCount: 0,
    notCovered,
    undo: { kind: 'none', text: 'There is nothing to undo.' },
    description: {
      title: `Check ${objectives} in ${source.name}`,
      ifApproved: [`They are measured ${when}, over ${input.window}. Nothing changes.`, ...seen],
      ifDenied: ['Nobody learns whether the service keeps its objectives.'],
    },
    snapshot,
    full,
  };
}
