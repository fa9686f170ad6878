import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import { jsonCopy } from '../../../domain/json.ts';
import { checkFailed, unusableTime } from '../failures.ts';
import type { Prometheus } from '../prometheus.ts';
import { millisecondsOf, offsetsOf, type SloCheckInput } from './contract.ts';
import { keepMeasurement, type Kept } from './evidence.ts';
import { isoOf, measure, timeOf, type Measurement } from './measure.ts';
import type { Questions } from './questions.ts';

/**
 * Measures as often as was asked, and ends at the first failure. A check that is run again after a kill goes on with the same times: what it missed is
 * asked of the past.
 * @throws FB3910 to FB3917 for what the check fails of
 */
export async function applyCheck(
  context: ActionContext,
  source: string,
  prometheus: Prometheus,
  questions: Questions,
  mandate: Mandate<SloCheckInput>,
): Promise<Applied> {
  const { input } = mandate;
  const began = performance.now();
  const now = await timeOf(prometheus);
  const from = input.during === undefined ? timeWanted(input, now) : await firstTime(context, mandate, now);
  const offsets = offsetsOf(input);
  const kept: Kept = { artefacts: [], unavailable: [] };
  let last: Measurement | undefined;
  let evidence = '';
  for (const offset of offsets) {
    const at = from + offset;
    await until(context, at, now + (performance.now() - began) / 1000);
    last = await measure(context, prometheus, questions, at);
    evidence = await keepMeasurement(context, mandate, source, last, kept);
    const [first, ...more] = last.findings;
    if (first !== undefined) throw checkFailed([first, ...more], isoOf(at), evidence);
  }
  if (last === undefined) throw new RangeError('a check without a measurement');
  return {
    changes: [],
    already: 0,
    measures: { measurements: offsets.length, checkMs: Math.round(performance.now() - began) },
    outputs: {
      ok: true,
      window: input.window,
      at: isoOf(last.at),
      measurements: offsets.length,
      objectives: last.objectives.map(jsonCopy),
      traffic: last.traffic ?? 0,
      evidence,
    },
    artefacts: kept.artefacts,
    unavailable: kept.unavailable,
  };
}

/** Seconds since 1970 to measure at. @throws FB3904 for a time to come */
export function timeWanted({ at, before }: SloCheckInput, now: number): number {
  if (at === undefined) return now;
  const wanted = Date.parse(at) / 1000 - (before === undefined ? 0 : millisecondsOf(before) / 1000);
  if (wanted > now)
    throw unusableTime(`is ${isoOf(wanted)}, and it is ${isoOf(now)} there: give a time that has been`);
  return wanted;
}

/** When the first measurement of this run of the step was taken: a retry finds it. The next run has a plan of its own, and so another base. */
async function firstTime(
  context: ActionContext,
  { base }: Pick<Mandate, 'base'>,
  now: number,
): Promise<number> {
  const { data } = await context.intend(`measure ${base.digest}`, { from: now });
  const from = data['from'];
  if (typeof from !== 'number') throw new TypeError('the time of the first measurement is not known');
  return from;
}

/** Waits for a time, in steps that notice a cancellation. */
async function until(context: ActionContext, at: number, now: number): Promise<void> {
  const end = performance.now() + (at - now) * 1000;
  for (;;) {
    const left = end - performance.now();
    if (left <= 0) return;
    await sleep(Math.min(left, 1_000), undefined, { signal: context.signal });
    await context.checkpoint('slo.check: waiting');
  }
}
