import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../../../domain/failure-types.ts';
import type { Key } from './keys.ts';
import { keyWords } from './keys.ts';

function refusal(code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.refused,
    nonRetryable: true,
    message: `${code}: ${message}`,
  });
}

/** A user has two keys at most, so none can be made: a person has to choose. */
export function twoKeys(user: string, keys: readonly Key[], old: string, now: Date): ApplicationFailure {
  return refusal(
    'FB3340',
    `user ${user} has two access keys, which is all that IAM allows; nothing was rotated: ${keys.map((key) => keyWords(key, now)).join('; ')}. ` +
      `Choose: contain ${old} now (aws.contain-access-key); or, if the other key is in use nowhere, make it Inactive, watch, remove it with aws.delete-access-key, and run this again; ` +
      `or, if the other key is the newer one, bring consumers to it and remove ${old}`,
  );
}

/** A key that appeared meanwhile and is not certainly ours is never touched. */
export function notOurs(user: string, key: Key, why: string, now: Date): ApplicationFailure {
  return refusal(
    'FB3341',
    `user ${user} has a key that Firebreak does not know: ${keyWords(key, now)}; it was left as it is, because ${why}. ` +
      'Choose: find out who made it, and keep it (then the user has both keys it can have), or contain it with aws.contain-access-key and remove it; then run this again',
  );
}

/** What is stored where the new key is to be kept is not the key to replace. Says nothing of the value. */
export function otherValue(what: string, old: string): ApplicationFailure {
  return refusal(
    'FB3342',
    `${what} holds something else than access key ${old}: nothing was made or written; name the secret that its consumers read, or one that holds nothing`,
  );
}

/** Tried again: the new key is stored, and the old one is as it was. */
export function notProven(key: string, detail: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'FB3343',
    message: `FB3343: new key ${key} is stored and not proven (${detail}); the old one is as it was: see that the user is allowed the check`,
  });
}

/** Tried again: consumers have not come up with the new key, and the old one is as it was. */
export function consumersLate(detail: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'FB3344',
    message: `FB3344: workloads that use the secret have not come up again: ${detail}; the old key is as it was`,
  });
}

/** No key could be made, or each was lost again. */
export function notMade(user: string, attempts: number): ApplicationFailure {
  return refusal(
    'FB3345',
    `no key of user ${user} could be made and kept in ${attempts} attempts; none of these is left: look at CloudTrail for CreateAccessKey, then run this again`,
  );
}

/** A key that must not be deleted yet, or not at all. */
export function notDeletable(key: string, why: string): ApplicationFailure {
  return refusal('FB3346', `access key ${key} is not deleted: ${why}`);
}
