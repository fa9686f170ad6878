import type { Limit } from '../../../domain/action.ts';

/** Whatever key it is. */
export const alwaysNotCovered: Limit[] = [
  {
    code: 'sessions-of-roles',
    text: 'Sessions of roles that the key assumed outlive it, for 12 hours at most: the roles are found and named, and not touched. Revoke their sessions.',
  },
  {
    code: 'what-was-created',
    text: 'Users, roles and keys that were made with the key are found and named, and not touched. Contain them.',
  },
  {
    code: 'trail-delay',
    text: 'CloudTrail shows a call minutes later, 15 at most as a rule: the newest are missing. Look again.',
  },
  {
    code: 'trail-gaps',
    text: "CloudTrail's history has no data events (reads of objects, invocations), and is read in the account's region and that of global services only.",
  },
  {
    code: 'propagation',
    text: 'IAM is eventually consistent: it takes seconds, seldom minutes, until the key is refused everywhere.',
  },
  {
    code: 'presigned-urls',
    text: 'What the key did already stays: what was copied, shared or read. Presigned URLs end with the key.',
  },
];
