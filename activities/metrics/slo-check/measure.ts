import type { ActionContext } from '../../../domain/action.ts';
import { inParallel } from '../../kubernetes/evidence/in-parallel.ts';
import { notUnderstood, type Finding } from '../failures.ts';
import type { Answer, Prometheus } from '../prometheus.ts';
import { judge, numberIn, reliable, type Asked, type Judged } from './judge.ts';
import type { Prepared } from './query.ts';
import type { Questions } from './questions.ts';

/** Queries that one source is asked at once. */
const atOnce = 4;
/** Seconds: an answer of another time comes out of somebody's cache. */
const mostDrift = 1;

/** What was measured at one time. */
export interface Measurement {
  /** Seconds since 1970, by the clock of Prometheus. */
  at: number;
  objectives: Judged[];
  traffic?: number;
  /** Empty when everything is as it should be. */
  findings: Finding[];
  /** Every query with what it was answered, for the evidence. */
  asked: { what: string; query: string; answer: Answer }[];
}

/** The time by the clock of Prometheus, in seconds: whether a sample is fresh is not for another clock to say. */
export async function timeOf(prometheus: Prometheus): Promise<number> {
  const found = numberIn(await prometheus.query('the time', 'time()'));
  if ('value' in found) return found.value;
  throw notUnderstood('it answers time() with no number: is this the address of a Prometheus?');
}

/** Asks everything at one time, and judges it. @throws as the queries do */
export async function measure(
  context: Pick<ActionContext, 'checkpoint'>,
  prometheus: Prometheus,
  questions: Questions,
  at: number,
): Promise<Measurement> {
  const asked: Measurement['asked'] = [];
  const ages = new Map<string, number | undefined>();
  const answers = new Map<Prepared, Answer>();
  const put = async (what: string, query: string): Promise<Answer> => {
    const answer = await prometheus.query(what, query, at);
    refuseOtherTime(what, answer, at);
    asked.push({ what, query, answer });
    return answer;
  };
  const all = [...questions.objectives, { what: 'traffic', prepared: questions.traffic }];
  const selectors = [...new Set(all.flatMap(({ prepared }) => prepared.selectors))];
  await inParallel(all, atOnce, async ({ what, prepared }) => {
    answers.set(prepared, await put(what, prepared.query));
  });
  await inParallel(selectors, atOnce, async (selector) => {
    const newest = numberIn(await put('the newest sample', `max(timestamp(${selector}))`));
    ages.set(selector, 'value' in newest ? at - newest.value : undefined);
  });
  await context.checkpoint('slo.check: measured');
  const one = (prepared: Prepared): Asked => {
    const answer = answers.get(prepared);
    if (answer === undefined) throw new TypeError('a query was not asked');
    return { answer, freshness: prepared.freshness, ages };
  };
  const findings: Finding[] = [];
  const objectives = questions.objectives.map(({ what, prepared, objective, baseline }): Judged => {
    const measured = reliable(what, one(prepared), questions.bounds);
    findings.push(...measured.findings);
    if (measured.value === undefined) return { name: objective.name, ok: false };
    const { judged, findings: breaches } = judge(objective, measured.value, baseline);
    findings.push(...breaches);
    return { ...judged, ok: judged.ok && measured.findings.length === 0 };
  });
  const traffic = reliable('traffic', one(questions.traffic), questions.bounds);
  findings.push(...traffic.findings);
  if (traffic.value !== undefined && traffic.value < questions.trafficAtLeast)
    findings.push({
      code: 'too-little-traffic',
      text: `traffic is ${traffic.value}, at least ${questions.trafficAtLeast} is needed to say anything`,
    });
  return {
    at,
    objectives,
    ...(traffic.value === undefined ? {} : { traffic: traffic.value }),
    findings,
    asked: asked.toSorted((a, b) => (a.query < b.query ? -1 : 1)),
  };
}

function refuseOtherTime(what: string, { data }: Answer, at: number): void {
  const times =
    data.resultType === 'vector'
      ? data.result.flatMap(({ value }) => value?.[0] ?? [])
      : data.resultType === 'scalar'
        ? [data.result[0]]
        : [];
  const other = times.find((time) => Math.abs(time - at) > mostDrift);
  if (other === undefined) return;
  throw notUnderstood(
    `the answer to ${what} is of ${isoOf(other)}, not of ${isoOf(at)}: is there a cache in front of Prometheus?`,
  );
}

/** RFC 3339 UTC of seconds since 1970. */
export function isoOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? 'no time' : date.toISOString();
}
