import { ListAccessKeysCommand } from '@aws-sdk/client-iam';
import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import { canonical } from '../../../domain/json.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import { truncate } from '../../../domain/safe-text.ts';
import type { Account } from '../accounts.ts';
import { isAwsError } from '../errors.ts';
import { cutOff } from '../containment/cut-off.ts';
import { refuseProtected } from '../containment/mandated.ts';
import type { Place } from '../containment/principal.ts';
import { setAll } from '../containment/run.ts';
import { deedsOf, type Deeds } from '../trail/deeds.ts';
import type { Input } from './input.ts';
import { itemsOf, policyName } from './items.ts';
import { mandatedKey } from './mandated-key.ts';

/** In each region for each credential: 1,000 events. */
const MAX_PAGES = 20;
/** The search is worth waiting for, and not worth missing the deadline for: the containment stands before it. */
const SEARCH_MS = 180_000;
/** Of each sort in the outputs; the evidence has all. */
const MAX_NAMED = 50;

/** Contains, then finds what came of the key. Safe to run again after a kill at any point. */
export async function apply(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const began = performance.now();
  const { work, place, user } = await mandatedKey(action, account, context, mandate);
  const { accessKeyId } = mandate.input;
  await refuseProtected(place, user);
  const done = await setAll(work, itemsOf(place, user.name, mandate.input, await cutOff(context)));
  const containedMs = Math.round(performance.now() - began);
  const unavailable = [...done.unavailable];
  const artefacts = [...done.artefacts];
  const deeds = await search(context, place, mandate.input, unavailable);
  try {
    artefacts.push(await context.evidence.put(canonical(deeds), 'application/json'));
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    unavailable.push({ what: 'the list of what was done with the key', why: error.message });
  }
  const { AccessKeyMetadata = [] } = await account
    .clients(mandate.incident)
    .iam.send(new ListAccessKeysCommand({ UserName: user.name }), { abortSignal: context.signal });
  const { credentials: _followed, events, truncated, ...found } = deeds;
  return {
    ...done,
    artefacts,
    unavailable,
    measures: { containedMs, searchedMs: Math.round(performance.now() - began) - containedMs, events },
    outputs: {
      user: user.arn,
      otherKeys: AccessKeyMetadata.map((key) => key.AccessKeyId ?? '').filter((id) => id !== accessKeyId),
      ...Object.fromEntries(
        Object.entries(found).map(([name, values]) => [name, values.slice(0, MAX_NAMED)]),
      ),
      trailComplete: !truncated,
    },
    byHand: [
      `aws iam delete-user-policy --user-name ${user.name} --policy-name ${policyName(mandate.input)}`,
      `aws iam update-access-key --user-name ${user.name} --access-key-id ${accessKeyId} --status Active`,
    ].join(' && '),
  };
}

/** A trail that cannot be read is no reason to fail a containment that stands. */
async function search(
  context: ActionContext,
  { account, incident }: Place,
  { accessKeyId, lookBackHours }: Input,
  unavailable: Applied['unavailable'],
): Promise<Deeds> {
  const to = context.now();
  const window = { from: new Date(to.getTime() - lookBackHours * 3_600_000), to, maxPages: MAX_PAGES };
  const deadline = AbortSignal.timeout(SEARCH_MS);
  const signal = AbortSignal.any([context.signal, deadline]);
  try {
    const deeds = await deedsOf({ account, incident, signal }, accessKeyId, window, () =>
      context.checkpoint('search the trail'),
    );
    if (deeds.truncated) {
      const why = 'there is more of it than is read at once: narrow lookBackHours';
      unavailable.push({ what: 'all that was done with the key', why });
    }
    return deeds;
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isAwsError(error) && !deadline.aborted) throw error;
    const why = deadline.aborted
      ? `CloudTrail took longer than ${SEARCH_MS / 1000} s`
      : truncate(String(error));
    unavailable.push({ what: 'what was done with the key', why: `CloudTrail could not be read: ${why}` });
    return {
      credentials: [accessKeyId],
      rolesAssumed: [],
      rolesElsewhere: [],
      principalsCreated: [],
      keysCreated: [],
      principalsChanged: [],
      events: 0,
      truncated: true,
    };
  }
}
