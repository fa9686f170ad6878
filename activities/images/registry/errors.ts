import type { ApplicationFailure } from '@temporalio/common';
import { hide, redact } from '../../../domain/redaction.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { numberedFailure, type FailureCodes } from '../../numbered-failure.ts';

/** What a caller can do about an answer of a registry. */
export type RegistryErrorClass =
  'gone' | 'lied' | 'retryable' | 'denied' | 'elsewhere' | 'too-large' | 'malformed';

const codes: FailureCodes<RegistryErrorClass> = {
  gone: {
    code: 'FB3803',
    retry: false,
    fix: 'see whether it was removed, or whether the credentials may see it',
  },
  lied: { code: 'FB3804', retry: false, fix: 'trust nothing of this registry until it is known why' },
  retryable: { code: 'FB3805', retry: true, fix: 'the call is tried again' },
  denied: { code: 'FB3806', retry: false, fix: 'give the registry credentials that may pull' },
  elsewhere: {
    code: 'FB3807',
    retry: false,
    fix: 'find out whether the registry should do so; name the host of its tokens in `tokenHosts`',
  },
  'too-large': { code: 'FB3808', retry: false, fix: 'find out who stored so much, and why' },
  malformed: { code: 'FB3809', retry: false, fix: 'see that the address is the API of a registry' },
};

/** An answer of a registry that cannot be used, or the reason why there was none. Holds no credential. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly class: RegistryErrorClass;
  /** FB3803 to FB3809. */
  readonly code: string;
  /** HTTP status; 0 when no answer came, or the answer itself is the matter. */
  readonly status: number;
  /** How long the registry asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    { registry, operation }: { registry: string; operation: string },
    what: {
      class: RegistryErrorClass;
      message: string;
      status?: number;
      retryAfterMs?: number | undefined;
      /** Values that were sent: a registry may quote them. */
      hidden?: readonly string[];
    },
  ) {
    super(
      `registry ${registry}: cannot ${operation}: ${oneLine(hide(redact(what.message), what.hidden ?? []), 500)}`,
    );
    this.class = what.class;
    this.code = codes[what.class].code;
    this.status = what.status ?? 0;
    this.retryAfterMs = what.retryAfterMs;
  }
}

/** Whether `error` is one of a registry, of one of these classes. */
export function isRegistryError(error: unknown, ...classes: RegistryErrorClass[]): error is RegistryError {
  return error instanceof RegistryError && (classes.length === 0 || classes.includes(error.class));
}

/** What a status says that is no success. */
export function classOfStatus(status: number): RegistryErrorClass {
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) return 'retryable';
  if (status === 401 || status === 403) return 'denied';
  return status === 404 || status === 410 ? 'gone' : 'malformed';
}

/** What leaves an activity: a typed failure, retryable or not, with a numbered message. */
export function failureOfRegistry(error: RegistryError): ApplicationFailure {
  return numberedFailure(codes[error.class], error.message, { status: error.status });
}
