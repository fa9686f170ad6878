import type { ApplicationFailure } from '@temporalio/common';
import { truncate } from '../../domain/safe-text.ts';
import { numberedFailure, type FailureCodes } from '../numbered-failure.ts';

/** What a caller can do about an error of the API. */
export type ErrorClass =
  'retryable' | 'drift' | 'gone' | 'forbidden' | 'unauthenticated' | 'unsupported' | 'refused';

/** The API's `Status`, or the reason why there was none. Holds no credential: only what the server said, cut short. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly cluster: string;
  /** `create networkpolicies.networking.k8s.io in namespace shop`. */
  readonly operation: string;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** `NotFound`, `AlreadyExists`, `Conflict` …; `Unreachable`, `Timeout` or `TooLarge` when no answer could be read. */
  readonly reason: string;
  readonly causes: { reason: string; field: string; message: string }[];

  constructor(
    where: { cluster: string; operation: string },
    answer: { status: number; reason: string; message: string; causes?: KubernetesError['causes'] },
    cause?: unknown,
  ) {
    super(
      `cluster ${where.cluster}: cannot ${where.operation}: ${truncate(answer.message)}`,
      cause === undefined ? undefined : { cause },
    );
    this.cluster = where.cluster;
    this.operation = where.operation;
    this.status = answer.status;
    this.reason = answer.reason;
    this.causes = (answer.causes ?? []).slice(0, 10);
  }
}

/** The one table of what the API's answers mean. */
export function classify({ status, reason }: KubernetesError): ErrorClass {
  if (reason === 'TooLarge') return 'refused';
  if (status === 0 || status === 429 || status >= 500) return status === 501 ? 'unsupported' : 'retryable';
  switch (status) {
    case 401:
      return 'unauthenticated';
    case 403:
      return 'forbidden';
    case 404:
      return 'gone';
    case 410:
      return 'retryable';
    case 405:
    case 406:
    case 415:
      return 'unsupported';
    case 408:
      return 'retryable';
    case 409:
      return 'drift';
    default:
      return 'refused';
  }
}

/** Whether `error` is an answer of the API of one of these classes. */
export function isKubernetesError(error: unknown, ...classes: ErrorClass[]): error is KubernetesError {
  return error instanceof KubernetesError && (classes.length === 0 || classes.includes(classify(error)));
}

const codes: FailureCodes<ErrorClass> = {
  retryable: { code: 'FB3200', retry: true, fix: 'the call is tried again' },
  forbidden: {
    code: 'FB3202',
    retry: false,
    fix: 'grant it: `firebreak action show` lists every permission, and the generated RBAC manifests hold them',
  },
  unauthenticated: { code: 'FB3203', retry: false, fix: "renew the credential in the cluster's kubeconfig" },
  gone: { code: 'FB3204', retry: false, fix: 'look at what removed it' },
  drift: { code: 'FB3205', retry: true, fix: 'the object is read again' },
  unsupported: { code: 'FB3206', retry: false, fix: 'this needs Kubernetes 1.30 or later' },
  refused: { code: 'FB3207', retry: false, fix: 'see what the API server says' },
};

/** What leaves an activity: a typed failure, retryable or not, with a numbered message. */
export function failureOfKubernetes(error: KubernetesError): ApplicationFailure {
  const { status, reason, causes } = error;
  return numberedFailure(codes[classify(error)], error.message, { status, reason, causes });
}
