import { oneLine } from '../../../domain/safe-text.ts';
import type { Finding, FindingCode } from '../failures.ts';
import type { Answer } from '../prometheus.ts';
import type { Objective } from './contract.ts';
import { notFresh, type Freshness } from './query.ts';

/** What one query was answered with, and how old the newest sample of each of its selectors is; undefined where there is none. */
export interface Asked {
  answer: Answer;
  freshness: Freshness;
  /** Seconds, by selector. */
  ages: ReadonlyMap<string, number | undefined>;
}

export interface Bounds {
  maxStalenessSeconds: number;
  allowInfos: boolean;
}

export interface Judged {
  name: string;
  value?: number;
  baseline?: number;
  /** The strictest bound. */
  threshold?: number;
  ok: boolean;
}

/** The only numbers that Prometheus writes; whatever else JavaScript takes for one, such as an empty text, is none. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

type Number = { value: number } | { code: FindingCode; why: string };

/** The one finite number of an answer, or why there is none. */
export function numberIn({ data }: Answer): Number {
  if (data.resultType === 'scalar') return numberOf(data.result[1]);
  if (data.resultType !== 'vector')
    return { code: 'no-number', why: `is a ${data.resultType}, not one number: aggregate it` };
  const [first, ...more] = data.result;
  if (first === undefined) return { code: 'no-data', why: 'has no data: the answer is empty' };
  if (more.length > 0)
    return {
      code: 'several-series',
      why: `has ${more.length + 1} series where one is expected, the first ${labels(first.metric)}: aggregate it`,
    };
  if (first.value === undefined)
    return {
      code: 'no-number',
      why: 'is a native histogram, not one number: take a quantile or a rate of it',
    };
  return numberOf(first.value[1]);
}

function numberOf(text: string): Number {
  const value = decimal.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return { value };
  return { code: 'not-finite', why: `is ${oneLine(text, 40)}, not a finite number` };
}

function labels(metric: { [name: string]: string }): string {
  return oneLine(JSON.stringify(metric), 120);
}

/** The value of a query that may be relied on, or every reason why it may not. */
export function reliable(
  what: string,
  asked: Asked,
  bounds: Bounds,
): { value?: number; findings: Finding[] } {
  const findings: Finding[] = [];
  const found = numberIn(asked.answer);
  if ('code' in found) findings.push({ code: found.code, text: `${what} ${found.why}` });
  const { warnings, infos } = asked.answer;
  const said = bounds.allowInfos ? warnings : [...warnings, ...infos];
  if (said[0] !== undefined)
    findings.push({
      code: 'annotated',
      text: `${what} is not to be relied on, Prometheus says: ${oneLine(said[0], 150)}`,
    });
  const isFresh = (selector: string) => {
    const age = asked.ages.get(selector);
    return age !== undefined && age <= bounds.maxStalenessSeconds;
  };
  for (const selector of notFresh(asked.freshness, isFresh).slice(0, 2)) {
    const age = asked.ages.get(selector);
    const shown = oneLine(selector, 100);
    findings.push({
      code: 'stale',
      text:
        age === undefined
          ? `${what} is stale: there is no sample of ${shown} now`
          : `${what} is stale: the newest sample of ${shown} is ${Math.round(age)} s old, at most ${bounds.maxStalenessSeconds} s are allowed`,
    });
  }
  return { ...('value' in found ? { value: found.value } : {}), findings };
}

/** Holds an objective's value against its thresholds. @param baseline required where it has worseBy */
export function judge(
  objective: Objective,
  value: number,
  baseline: number | undefined,
): { judged: Judged; findings: Finding[] } {
  const limits = limitsOf(objective, baseline);
  const breached = limits.filter(({ direction, limit }) =>
    direction === 'higher' ? value > limit : value < limit,
  );
  const { name } = objective;
  const held = baseline === undefined ? '' : ` (baseline ${baseline})`;
  const strictest = strictestOf(limits);
  return {
    judged: {
      name,
      value,
      ...(baseline === undefined ? {} : { baseline }),
      ...(strictest === undefined ? {} : { threshold: strictest }),
      ok: breached.length === 0,
    },
    findings: breached.map(({ direction, limit }) => ({
      code: 'breached',
      text: `objective ${name} is ${value}, ${direction === 'higher' ? 'at most' : 'at least'} ${limit} is allowed${held}`,
    })),
  };
}

interface Bound {
  /** What worse is. */
  direction: 'higher' | 'lower';
  limit: number;
}

function limitsOf(objective: Objective, baseline: number | undefined): Bound[] {
  const { atMost, atLeast, worseBy } = objective;
  const limits: Bound[] = [];
  if (atMost !== undefined) limits.push({ direction: 'higher', limit: atMost });
  if (atLeast !== undefined) limits.push({ direction: 'lower', limit: atLeast });
  if (worseBy !== undefined && baseline !== undefined) {
    const direction = directionOf(objective);
    const { factor, absolute } = worseBy;
    // Of the size of the baseline, so that a negative one does not turn the factor around.
    const size = Math.abs(baseline);
    const share = direction === 'higher' ? (factor ?? 1) - 1 : 1 - 1 / (factor ?? 1);
    const room = Math.max(absolute ?? 0, size * share);
    limits.push({ direction, limit: direction === 'higher' ? baseline + room : baseline - room });
  }
  return limits;
}

function directionOf({ atLeast, worseBy }: Objective): 'higher' | 'lower' {
  return worseBy?.direction ?? (atLeast === undefined ? 'higher' : 'lower');
}

function strictestOf(limits: readonly Bound[]): number | undefined {
  const [first, ...others] = limits;
  if (first === undefined) return undefined;
  const all = [first, ...others].map(({ limit }) => limit);
  return first.direction === 'higher' ? Math.min(...all) : Math.max(...all);
}
