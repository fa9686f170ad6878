import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { redact, redactJson } from '../domain/redaction.ts';

/** Causes of causes that are kept; a chain that is longer may be a circle. */
const deepest = 10;

/**
 * An error as it may leave an activity: no secret in its message, stack, details or causes. Temporal's own failures stay what they are, for the SDK
 * tells them apart by class; any other error becomes the failure that the SDK would make of it.
 */
export function redactFailure(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return redactJson(error);
  const cause =
    error.cause === undefined || depth >= deepest
      ? undefined
      : causeOf(redactFailure(error.cause, depth + 1));
  if (
    error instanceof ApplicationFailure ||
    !(error instanceof TemporalFailure || error.name === 'AbortError')
  ) {
    const application = error instanceof ApplicationFailure ? error : undefined;
    const failure = ApplicationFailure.create({
      message: redact(error.message),
      type: application?.type ?? error.name,
      nonRetryable: application?.nonRetryable ?? false,
      details: redactJson(application?.details ?? []),
      ...defined({ nextRetryDelay: application?.nextRetryDelay, category: application?.category }),
      ...(cause === undefined ? {} : { cause }),
    });
    failure.stack = redact(error.stack ?? '');
    return failure;
  }
  error.message = redact(error.message);
  error.stack = redact(error.stack ?? '');
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: cause, configurable: true });
  return error;
}

function causeOf(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(redact(String(cause)));
}

/** Without what is null or undefined. */
function defined<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, fewer of them
  return Object.fromEntries(given) as { [K in keyof T]?: NonNullable<T[K]> };
}
