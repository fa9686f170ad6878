import type { Claim } from '../../../domain/action.ts';
import type { Secret } from '../../../domain/secret.ts';
import type { GitLabApi } from './api.ts';

/** Whether a token that GitLab calls revoked is dead: tried, where its value is known. */
export async function refusedClaim(api: GitLabApi, token: number, value: Secret | undefined): Promise<Claim> {
  const claim = `token ${token} is refused`;
  if (value === undefined)
    return {
      claim,
      verdict: 'evaluated',
      detail: 'GitLab says that it is revoked; its value is not known, so it was not tried',
    };
  const began = performance.now();
  const answered = await api.self(value);
  const took = Math.round(performance.now() - began);
  return answered === undefined
    ? { claim, verdict: 'verified', detail: `a call with the old value was answered 401 (${took} ms)` }
    : { claim, verdict: 'failed', detail: `a call with the old value was accepted, as token ${answered.id}` };
}
