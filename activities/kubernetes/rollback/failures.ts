import { FirebreakError } from '../../../domain/errors.ts';
import type { ImageJudgement } from '../../../domain/image.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { named } from '../restart/left.ts';

/** The workload cannot be rolled back as it is. */
export const unfit = (what: string, why: string) => new FirebreakError('FB3240', `${what} ${why}`);

/** One pod cannot be tried alone. */
export const noCanary = (what: string, why: string) =>
  new FirebreakError('FB3241', `${what} ${why}: leave the canary out, and use kubernetes.rollback-workload`);

/** Somebody else keeps the workload, and would put it back. */
export const owned = (what: string, by: string, fix: string) =>
  new FirebreakError('FB3242', `${what} is kept by ${by}, which would revert the rollback: ${fix}`);

export const notAsJudged = (what: string, why: string) =>
  new FirebreakError(
    'FB3243',
    `with.to.revision: ${what} ${why}; nothing was changed: run images.find-known-good again`,
  );

export const wrongImages = (why: string) =>
  new FirebreakError(
    'FB3244',
    `with.to.images: ${why}; every container and init container must be named once`,
  );

export function unacceptable(image: string, { reasons }: Pick<ImageJudgement, 'reasons'>): FirebreakError {
  const why = reasons.map(({ code, text }) => `${code}: ${text}`).join('; ');
  return new FirebreakError(
    'FB3245',
    `${oneLine(image, 300)} is not acceptable (${oneLine(why, 1_000)}); nothing was changed by this attempt: choose another image`,
  );
}

export const admissionChanges = (what: string, why: string) =>
  new FirebreakError(
    'FB3246',
    `admission changes what is written to ${what} (${why}); nothing was changed: look at the cluster's mutating webhooks and policies`,
  );

export const lateWords = (what: string, waitSeconds: number, detail: string) =>
  new FirebreakError(
    'FB3247',
    `${what} did not come up within ${waitSeconds} s (${detail}); it is held where it is: undo it, or run the step again once the cause is gone`,
  );

export const wrongDigest = (what: string, problems: readonly string[]) =>
  new FirebreakError(
    'FB3248',
    `${what} runs something other than what was approved, and is held where it is: ${oneLine(named(problems), 1_500)}; look at the registry and the nodes, and undo it`,
  );

export const standing = (what: string, incident: string) =>
  new FirebreakError(
    'FB3249',
    `${what} is held by a canary of ${oneLine(incident, 100)}: undo that, or let it go on, before another rollback`,
  );

export const nothingToDo = (what: string) =>
  new FirebreakError('FB3250', `${what} has the approved template and images already: leave the step out`);

export const noWayBack = (what: string, revision: string) =>
  new FirebreakError(
    'FB3251',
    `${what}: ${revision}, from which it was rolled back, is gone, so it cannot be planned again; its undo has its own copy`,
  );
