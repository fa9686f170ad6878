import { FirebreakError } from '../../domain/errors.ts';
import { truncate } from '../../domain/safe-text.ts';

/** Somebody else wrote since the version was read. */
export function changedMeanwhile(what: string): FirebreakError {
  return new FirebreakError(
    'FB3402',
    `${what} was written by somebody else meanwhile: nothing was overwritten; look at it, then run the step again`,
  );
}

export function badPath(path: string, wanted: string): FirebreakError {
  return new FirebreakError('FB3403', `secret ${JSON.stringify(truncate(path, 80))} is not ${wanted}`);
}

/** A name that the store is not configured for. `field`: which part of its configuration says so. */
export function outside(store: string, path: string, field: string, allowed: string): FirebreakError {
  return new FirebreakError(
    'FB3405',
    `secret ${JSON.stringify(truncate(`${store}/${path}`, 80))} lies outside of secretStores.${store}.${field}: name one ${allowed}, or change that field and apply what firebreak permissions prints then`,
  );
}

/** What is there cannot be used as a secret, or must not be written. */
export function unusable(what: string, why: string): FirebreakError {
  return new FirebreakError('FB3404', `${what}: ${why}`);
}
