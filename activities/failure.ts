import { ApplicationFailure } from '@temporalio/common';
import { FirebreakError } from '../domain/errors.ts';
import { failureOfAws, isAwsError } from './aws/errors.ts';
import { failureOfRegistry, RegistryError } from './images/registry/errors.ts';
import { failureOfKubernetes, KubernetesError } from './kubernetes/errors.ts';
import { failureOfService, ServiceError } from './service/errors.ts';

/**
 * What leaves an activity: a typed failure, retryable or not, with a numbered message. Failures that are typed already, and errors of no system that
 * is known here, pass unchanged.
 */
export function toFailure(error: unknown): unknown {
  if (error instanceof FirebreakError) {
    return ApplicationFailure.create({ message: error.message, type: error.code, nonRetryable: true });
  }
  if (error instanceof KubernetesError) return failureOfKubernetes(error);
  if (error instanceof ServiceError) return failureOfService(error);
  if (error instanceof RegistryError) return failureOfRegistry(error);
  return isAwsError(error) ? failureOfAws(error) : error;
}

/** Runs a verb; every error of a system leaves it as a typed failure, retryable or not. */
export async function typed<T>(verb: () => Promise<T>): Promise<T> {
  try {
    return await verb();
  } catch (error) {
    throw toFailure(error);
  }
}
