import type { ApplicationFailure } from '@temporalio/common';
import { truncate } from '../../domain/safe-text.ts';
import { numberedFailure, type FailureCodes } from '../numbered-failure.ts';

/** What a caller can do about an answer of a forge or a registry. */
export type ServiceErrorClass =
  'retryable' | 'gone' | 'forbidden' | 'unauthenticated' | 'conflict' | 'refused' | 'unknown-outcome';

/** An answer of a service that speaks HTTP, or the reason why there was none. Holds no credential. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  /** `forges.acme`, as configured. */
  readonly service: string;
  /** `rotate the token of project 7`. */
  readonly operation: string;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** It was a write, and no answer came: it may have been carried out. */
  readonly mayBeDone: boolean;

  constructor(
    where: { service: string; operation: string },
    answer: { status: number; message: string; mayBeDone?: boolean },
    cause?: unknown,
  ) {
    super(
      `${where.service}: cannot ${where.operation}: ${truncate(answer.message)}`,
      cause === undefined ? undefined : { cause },
    );
    this.service = where.service;
    this.operation = where.operation;
    this.status = answer.status;
    this.mayBeDone = answer.mayBeDone ?? false;
  }
}

/** The one table of what such answers mean. */
export function classifyService({ status, mayBeDone }: ServiceError): ServiceErrorClass {
  if (mayBeDone) return 'unknown-outcome';
  if (status === 0 || status === 408 || status === 429 || status >= 500) return 'retryable';
  switch (status) {
    case 401:
      return 'unauthenticated';
    case 403:
      return 'forbidden';
    case 404:
    case 410:
      return 'gone';
    case 409:
      return 'conflict';
    default:
      return 'refused';
  }
}

/** Whether `error` is an answer of a service of one of these classes. */
export function isServiceError(error: unknown, ...classes: ServiceErrorClass[]): error is ServiceError {
  return error instanceof ServiceError && (classes.length === 0 || classes.includes(classifyService(error)));
}

const codes: FailureCodes<ServiceErrorClass> = {
  retryable: { code: 'FB3500', retry: true, fix: 'the call is tried again' },
  forbidden: {
    code: 'FB3502',
    retry: false,
    fix: 'give its token the right: `firebreak action show` lists it',
  },
  unauthenticated: { code: 'FB3503', retry: false, fix: 'renew the credential in the configuration' },
  gone: { code: 'FB3504', retry: false, fix: 'look at what removed it, or whether the token may see it' },
  conflict: { code: 'FB3505', retry: true, fix: 'it is read again' },
  'unknown-outcome': { code: 'FB3506', retry: true, fix: 'the outcome is read before anything else is sent' },
  refused: { code: 'FB3507', retry: false, fix: 'see what the service says' },
};

/** What leaves an activity: a typed failure, retryable or not, with a numbered message. */
export function failureOfService(error: ServiceError): ApplicationFailure {
  return numberedFailure(codes[classifyService(error)], error.message, { status: error.status });
}
