import {
  worst,
  type ActionContext,
  type Claim,
  type Mandate,
  type Verification,
} from '../../../domain/action.ts';
import type { Prometheus } from '../prometheus.ts';
import type { SloCheckInput } from './contract.ts';
import { keepMeasurement } from './evidence.ts';
import { isoOf, measure } from './measure.ts';
import type { Questions } from './questions.ts';

/** Measures once more. What fails now is a failed verification, whatever the check found before. */
export async function verifyCheck(
  context: ActionContext,
  source: string,
  prometheus: Prometheus,
  questions: Questions,
  mandate: Mandate<SloCheckInput>,
  at: number,
): Promise<Verification> {
  const measured = await measure(context, prometheus, questions, at);
  await keepMeasurement(context, mandate, source, measured, { artefacts: [], unavailable: [] });
  const time = isoOf(measured.at);
  const claims: Claim[] = measured.objectives.map(({ name, value, threshold, ok }) => {
    const told = measured.findings.find(({ text }) => text.startsWith(`objective ${name} `))?.text;
    const bound = threshold === undefined ? 'only recorded' : `the bound is ${threshold}`;
    return {
      claim: `objective ${name} is kept`,
      verdict: ok ? 'verified' : 'failed',
      detail: told ?? `measured ${value} at ${time}, ${bound}`,
    };
  });
  const ofTraffic = measured.findings.filter(({ text }) => text.startsWith('traffic '));
  claims.push({
    claim: 'there was enough traffic to tell',
    verdict: ofTraffic.length === 0 ? 'verified' : 'failed',
    detail: ofTraffic[0]?.text ?? `measured ${measured.traffic} at ${time}`,
  });
  const verdict = worst(claims);
  return { state: verdict === 'verified' ? 'in-place' : 'absent', verdict, claims };
}
