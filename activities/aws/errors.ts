import { ServiceException } from '@smithy/smithy-client';
import type { ApplicationFailure } from '@temporalio/common';
import { systemCode } from '../../domain/errors.ts';
import { truncate } from '../../domain/safe-text.ts';
import { numberedFailure, type FailureCodes } from '../numbered-failure.ts';

/** What a caller can do about an error of AWS. */
export type AwsErrorClass =
  'retryable' | 'conflict' | 'gone' | 'forbidden' | 'unauthenticated' | 'limit' | 'refused';

/** An answer of AWS, or the reason why none came. */
export type AwsError = ServiceException | NodeJS.ErrnoException;

const byName: { readonly [name: string]: AwsErrorClass } = {
  AccessDenied: 'forbidden',
  AccessDeniedException: 'forbidden',
  UnauthorizedOperation: 'forbidden',
  InvalidClientTokenId: 'unauthenticated',
  ExpiredToken: 'unauthenticated',
  ExpiredTokenException: 'unauthenticated',
  SignatureDoesNotMatch: 'unauthenticated',
  UnrecognizedClientException: 'unauthenticated',
  CredentialsProviderError: 'unauthenticated',
  NoSuchEntity: 'gone',
  NoSuchEntityException: 'gone',
  ResourceNotFoundException: 'gone',
  ProvisionedConcurrencyConfigNotFoundException: 'gone',
  EntityAlreadyExists: 'conflict',
  EntityAlreadyExistsException: 'conflict',
  EntityTemporarilyUnmodifiable: 'conflict',
  EntityTemporarilyUnmodifiableException: 'conflict',
  ConcurrentModification: 'conflict',
  ConcurrentModificationException: 'conflict',
  ResourceConflictException: 'conflict',
  ResourceInUseException: 'conflict',
  ResourceExistsException: 'conflict',
  LimitExceeded: 'limit',
  LimitExceededException: 'limit',
  Throttling: 'retryable',
  ThrottlingException: 'retryable',
  TooManyRequestsException: 'retryable',
  TimeoutError: 'retryable',
};

const network = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'ETIMEDOUT']);

/** Whether `error` is AWS's answer, or the lack of one; with classes, one of these. */
export function isAwsError(error: unknown, ...classes: AwsErrorClass[]): error is AwsError {
  const known =
    error instanceof ServiceException ||
    (error instanceof Error && (Object.hasOwn(byName, error.name) || network.has(systemCode(error))));
  return known && (classes.length === 0 || classes.includes(classifyAws(error)));
}

/** The one table of what AWS's errors mean. */
function classifyAws(error: AwsError): AwsErrorClass {
  const named = Object.hasOwn(byName, error.name) ? byName[error.name] : undefined;
  if (named !== undefined) return named;
  if (!(error instanceof ServiceException)) return 'retryable';
  const status = error.$metadata.httpStatusCode ?? 0;
  if (status === 0 || status === 429 || status >= 500 || error.$retryable !== undefined) return 'retryable';
  return status === 403 ? 'forbidden' : status === 404 ? 'gone' : 'refused';
}

const codes: FailureCodes<AwsErrorClass> = {
  retryable: { code: 'FB3300', retry: true, fix: 'the call is tried again' },
  forbidden: {
    code: 'FB3302',
    retry: false,
    fix: 'grant it: `firebreak permissions` prints the policy that the engine needs',
  },
  unauthenticated: { code: 'FB3303', retry: false, fix: "renew the engine's credentials of this account" },
  gone: { code: 'FB3304', retry: false, fix: 'look at what removed it' },
  conflict: { code: 'FB3305', retry: true, fix: 'it is read again' },
  limit: { code: 'FB3306', retry: false, fix: 'remove what is not needed, or ask AWS for a higher quota' },
  refused: { code: 'FB3307', retry: false, fix: 'see what AWS says' },
};

/** What leaves an activity: a typed failure, retryable or not, with a numbered message. */
export function failureOfAws(error: AwsError): ApplicationFailure {
  const requestId = error instanceof ServiceException ? (error.$metadata.requestId ?? '') : '';
  const message = `AWS: ${error.name}: ${truncate(error.message)}`;
  return numberedFailure(codes[classifyAws(error)], message, { requestId });
}
