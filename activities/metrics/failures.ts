import { ApplicationFailure } from '@temporalio/common';

function failure(code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: code, nonRetryable: true, message: `${code}: ${message}` });
}

/** A query of the input that cannot be asked. `field`: `objectives[0].query`. */
export function unusableQuery(field: string, why: string): ApplicationFailure {
  return failure('FB3902', `${field} ${why}`);
}

export function unusableBaseline(why: string): ApplicationFailure {
  return failure('FB3903', `baseline ${why}`);
}

export function unusableTime(why: string): ApplicationFailure {
  return failure('FB3904', `at ${why}`);
}

export function queryRefused(message: string): ApplicationFailure {
  return failure('FB3905', `${message}; correct the query`);
}

export function notUnderstood(message: string): ApplicationFailure {
  return failure('FB3906', message);
}

/** What a check may fail of, each with a code of its own. The first that is found is named by it, and the message has them all. */
const codes = {
  breached: 'FB3910',
  'no-data': 'FB3911',
  'not-finite': 'FB3912',
  stale: 'FB3913',
  'too-little-traffic': 'FB3914',
  'several-series': 'FB3915',
  annotated: 'FB3916',
  'no-number': 'FB3917',
} as const;

export type FindingCode = keyof typeof codes;

/** Why a check has failed, one line for a person. */
export interface Finding {
  code: FindingCode;
  text: string;
}

/** What fits an ApplicationFailure's message, of which a step keeps 1,000 characters. */
const mostFindings = 3;

/** @param findings at least one */
export function checkFailed(
  findings: readonly [Finding, ...Finding[]],
  at: string,
  evidence: string,
): ApplicationFailure {
  const lines = findings.slice(0, mostFindings).map(({ text }) => text);
  const more = findings.length > mostFindings ? `; and ${findings.length - mostFindings} more` : '';
  return failure(
    codes[findings[0].code],
    `the check failed at ${at}: ${lines.join('; ')}${more}; what was answered is in the evidence, ${evidence}`,
  );
}
