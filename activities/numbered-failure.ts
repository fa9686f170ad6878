import { ApplicationFailure } from '@temporalio/common';

/** What is said of one class of a system's errors. */
interface FailureCode {
  code: string;
  /** Whether another attempt can help. */
  retry: boolean;
  /** What comes next, or what a person can do. */
  fix: string;
}

/** What is said of each class. */
export type FailureCodes<Class extends string> = { readonly [K in Class]: FailureCode };

/** What leaves an activity: a typed failure, retryable or not, with a numbered message. `details` go into the history: no credential. */
export function numberedFailure(
  { code, retry, fix }: FailureCode,
  message: string,
  details: object,
): ApplicationFailure {
  return ApplicationFailure.create({
    message: `${code}: ${message}; ${fix}`,
    type: code,
    nonRetryable: !retry,
    details: [details],
  });
}
