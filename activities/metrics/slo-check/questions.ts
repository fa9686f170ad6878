import { unusableBaseline, unusableQuery } from '../failures.ts';
import { millisecondsOf, type Objective, type SloCheckInput } from './contract.ts';
import type { Bounds } from './judge.ts';
import { mustBeFresh, prepare, type Prepared } from './query.ts';

const defaultStaleness = '2m';

/** What is asked, and what the answers are held against. */
export interface Questions {
  objectives: { what: string; prepared: Prepared; objective: Objective; baseline: number | undefined }[];
  traffic: Prepared;
  trafficAtLeast: number;
  bounds: Bounds;
}

/** @throws FB3902 for a query that cannot be asked, FB3903 for a baseline that does not fit */
export function questionsOf(input: SloCheckInput): Questions {
  const { window, baseline, traffic, maxStaleness = defaultStaleness, allowInfos = false } = input;
  const prepared = (field: string, query: string): Prepared => {
    const result = prepare(query, window);
    if ('why' in result) throw unusableQuery(field, result.why);
    return result;
  };
  const before = new Map(baseline?.objectives.map(({ name, value }) => [name, value]));
  const objectives = input.objectives.map((objective, index) => {
    const known = before.get(objective.name);
    if (objective.worseBy !== undefined && known === undefined)
      throw unusableBaseline(
        baseline === undefined
          ? `is missing: objective ${objective.name} has worseBy; give it the outputs of an earlier check`
          : `has no objective ${objective.name}, which has worseBy: measure it in the earlier check as well`,
      );
    return {
      what: `objective ${objective.name}`,
      prepared: prepared(`objectives[${index}].query`, objective.query),
      objective,
      baseline: known,
    };
  });
  if (baseline !== undefined && baseline.window !== window)
    throw unusableBaseline(
      `looked over ${baseline.window}, and this check over ${window}: use the same window`,
    );
  const trafficPrepared = prepared('traffic.query', traffic.query);
  if (!mustBeFresh(trafficPrepared.freshness))
    throw unusableQuery(
      'traffic.query',
      'has a number whatever happens: leave out what stands in for missing samples',
    );
  return {
    objectives,
    traffic: trafficPrepared,
    trafficAtLeast: traffic.atLeast,
    bounds: { maxStalenessSeconds: millisecondsOf(maxStaleness) / 1000, allowInfos },
  };
}
