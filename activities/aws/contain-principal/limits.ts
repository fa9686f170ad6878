import type { Limit } from '../../../domain/action.ts';

/** Whoever is contained. */
export const alwaysNotCovered: Limit[] = [
  {
    code: 'what-was-done',
    text: 'What the principal did already: what it created, copied or shared stays. Look for it with its trail.',
  },
  {
    code: 'other-principals',
    text: 'Roles that the principal assumed, and sessions it has there: a denial does not follow into another principal. Revoke those sessions too.',
  },
  {
    code: 'access-without-the-principal',
    text: 'Access that AWS checks without the principal: public resources, CloudFront signed URLs and cookies.',
  },
  {
    code: 'get-caller-identity',
    text: 'sts:GetCallerIdentity and sts:GetSessionToken answer whatever is denied: an answer of theirs proves nothing.',
  },
  {
    code: 'propagation',
    text: 'IAM is eventually consistent: the denial takes seconds, seldom minutes, to count everywhere.',
  },
  {
    code: 'administrators',
    text: 'Somebody else with rights in IAM can remove the denial.',
  },
];

/** Of a role. */
export const roleLimits: Limit[] = [
  {
    code: 'everybody-on-the-role',
    text: 'Everything that runs as the role stops with it: instances, functions, pods. AWS services cannot assume it for them either.',
  },
  {
    code: 'sessions-live-again',
    text: 'Sessions that were issued before work again after the release, until they expire (12 hours at most): revoke them before you release.',
  },
];
