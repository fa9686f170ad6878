import { oneLine } from '../../../domain/safe-text.ts';
import type { Reason } from '../ask.ts';

/** Why a revision is or is not acceptable, beside what is said of its images. Stable: listed in docs/reference/actions/find-known-good.md. */
export const revisionReasonCodes = [
  'current',
  'revision-edited',
  'template-differs',
  'no-containers',
  'too-many-containers',
  'not-assessed',
  'no-baseline',
  'compared-with-oldest',
  'tag-resolved',
  'tag-moved',
  'digest-ambiguous',
  'named-digest',
  'container-unknown',
] as const;

export interface RevisionReason {
  code: Reason['code'] | (typeof revisionReasonCodes)[number];
  text: string;
}

export function reason(code: RevisionReason['code'], text: string): RevisionReason {
  return { code, text: oneLine(text, 300) };
}

/** The same, said of one container. */
export function ofContainer({ container }: { container: string }, why: RevisionReason): RevisionReason {
  return reason(why.code, `${oneLine(container, 63)}: ${why.text}`);
}
