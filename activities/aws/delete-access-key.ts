import { z } from 'zod';
import type {
  Action,
  ActionContext,
  Applied,
  Authority,
  Mandate,
  Plan,
  Verification,
} from '../../domain/action.ts';
import { digest } from '../../domain/json.ts';
import { typed } from '../failure.ts';
import { noUndo } from '../kubernetes/no-undo.ts';
import { refused, targetGone } from './containment/failures.ts';
import { accountInput } from './containment/input.ts';
import { untilEffective } from './containment/measure.ts';
import { grant, narrowToUser, users } from './containment/permissions.ts';
import { readPrincipal, supportsOf, type Place, type Principal } from './containment/principal.ts';
import type { AwsOptions } from './options.ts';
import { notDeletable } from './rotate-access-key/failures.ts';
import { keyId, userName } from './rotate-access-key/input.ts';
import { keyWords, listKeys, type Key } from './rotate-access-key/keys.ts';
import { remove } from './rotate-access-key/orphan.ts';
import { objectOf } from './rotate-access-key/plan.ts';

const name = 'aws.delete-access-key';
const noWay = 'a deleted access key cannot be made again: IAM never gives an id or a secret twice';

const input = z.strictObject({
  account: accountInput,
  user: userName,
  accessKeyId: keyId.describe('The key to delete: it must be Inactive'),
  quietHours: z
    .int()
    .min(0)
    .max(24 * 90)
    .default(24)
    .describe('For how long it must not have been used. IAM reports uses with a delay of hours'),
});
type Input = z.infer<typeof input>;

interface Found {
  user: Principal;
  key: Key | undefined;
}

/** Deletes an Inactive access key that nobody has used for a while: the end of a rotation, and a decision of its own. */
export function deleteAccessKey({ accounts }: Pick<AwsOptions, 'accounts'>): Action<Input> {
  const placeOf = (
    context: ActionContext,
    { incident, input }: Pick<Mandate<Input>, 'incident' | 'input'>,
  ): Place => ({
    account: accounts(input.account),
    incident,
    signal: context.signal,
  });
  return {
    name,
    title: 'Delete an access key of AWS',
    summary:
      'Deletes an access key of an IAM user for good. Only one that is Inactive, and that has not been used for a quiet window as IAM reports it.',
    effect: 'irreversible',
    input,
    outputs: {
      type: 'object',
      required: ['deletedKey'],
      properties: { deletedKey: { type: 'string', description: 'Id of the key' } },
      additionalProperties: false,
    },
    narrow: narrowToUser('user'),
    permissions: [
      grant(
        'plan',
        ['iam:GetUser', 'iam:ListAccessKeys', 'iam:GetAccessKeyLastUsed'],
        [users],
        'whether it is Inactive, and when it was used',
      ),
      grant('apply', ['iam:DeleteAccessKey'], [users], 'to delete it'),
    ],
    notCovered: [
      {
        code: 'open-sessions',
        text: 'STS sessions that were begun with the key live on until they expire: aws.contain-access-key denies them.',
      },
      { code: 'late-reports', text: 'A use that IAM has not reported yet is not seen.' },
    ],
    timing: {
      planMs: 30_000,
      applyMs: 60_000,
      verifyMs: 120_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 5,
    },
    holds: false,
    plan: (context, request) => typed(() => plan(context, placeOf(context, request), request.input)),
    apply: (context, mandate) => typed(() => apply(context, placeOf(context, mandate), mandate)),
    verify: (context, mandate) => typed(() => verify(context, placeOf(context, mandate), mandate)),
    undo: noUndo(noWay),
  };
}

async function find(place: Place, { user: name, accessKeyId }: Input): Promise<Found> {
  const user = await readPrincipal(place, { kind: 'user', name });
  return { user, key: (await listKeys(place, name)).find(({ id }) => id === accessKeyId) };
}

/** What is bound: another status or a later use is drift, and asks again. */
function exactOf({ user, key }: Found) {
  return digest({
    user: user.id,
    key: key?.id ?? null,
    status: key?.status ?? null,
    lastUsed: key?.lastUsed?.at ?? null,
  });
}

function judge(key: Key, { quietHours }: Input, now: Date): void {
  if (key.status !== 'Inactive')
    throw notDeletable(
      key.id,
      'it is Active: make it Inactive first, with aws.rotate-access-key or aws.contain-access-key, and see whether anything misses it',
    );
  const quietSince = now.getTime() - quietHours * 3_600_000;
  if (key.lastUsed !== undefined && Date.parse(key.lastUsed.at) > quietSince)
    throw notDeletable(
      key.id,
      `it was used within the last ${quietHours} hours: ${keyWords(key, now)}; wait, or find out who uses it`,
    );
}

async function plan(context: ActionContext, place: Place, input: Input): Promise<Plan> {
  const found = await find(place, input);
  const { user, key } = found;
  if (key === undefined) throw targetGone(`access key ${input.accessKeyId}`, `is none of user ${user.name}`);
  judge(key, input, context.now());
  const { account } = place;
  const authority: Authority = {
    action: name,
    targets: [{ kind: 'AccessKey', cluster: account.place, name: user.arn, uid: key.id }],
    rule: `delete access key ${key.id} of ${user.arn}, which is Inactive and was not used for ${input.quietHours} hours`,
    caps: { keys: 1 },
    undo: 'none',
    exact: exactOf(found),
  };
  const whole = {
    action: name,
    authority,
    facts: [
      {
        cluster: account.place,
        namespace: '',
        principal: user.arn,
        supports: await supportsOf(place, user),
        pods: 0,
        environment: account.environment,
      },
    ],
    changes: [
      { verb: 'delete' as const, object: objectOf(user.name, key.id), summary: 'is deleted for good' },
    ],
    changeCount: 1,
    notCovered: [],
    undo: { kind: 'none' as const, text: noWay },
    description: {
      title: `Delete access key ${key.id} of user ${user.name} in ${account.name}`,
      ifApproved: [`It is gone for good: ${keyWords(key, context.now())}.`],
      ifDenied: ['It stays, Inactive: it can be made Active again.'],
    },
    snapshot: await context.evidence.put(JSON.stringify({ v: 1, user, key }), 'application/json', {
      essential: true,
    }),
  };
  const full = await context.evidence.put(JSON.stringify(whole), 'application/json', { essential: true });
  return { ...whole, full };
}

async function apply(
  context: ActionContext,
  place: Place,
  { input, authority }: Mandate<Input>,
): Promise<Applied> {
  const found = await find(place, input);
  const { user, key } = found;
  const [target] = authority.targets;
  if (target?.name !== user.arn || target.uid !== input.accessKeyId)
    throw refused(`access key ${input.accessKeyId}`, ['the authority is for another key']);
  const applied: Applied = {
    changes: [],
    already: 0,
    measures: {},
    outputs: { deletedKey: input.accessKeyId },
    artefacts: [],
    unavailable: [],
  };
  // Gone: by an attempt before this one, or by somebody else; ids are never given twice.
  if (key === undefined) return { ...applied, already: 1 };
  judge(key, input, context.now());
  if (exactOf(found) !== authority.exact)
    throw notDeletable(
      key.id,
      'it is another state than was approved: it was used, or its status changed; plan again',
    );
  const reasons = await supportsOf(place, user);
  if (reasons.length > 0) throw refused(`user ${user.name}`, reasons);
  await context.beforeWrite(`delete ${key.id}`);
  await remove({ place, user }, key.id);
  await context.checkpoint(`deleted ${key.id}`);
  const object = objectOf(user.name, key.id);
  return { ...applied, changes: [{ verb: 'delete', object, summary: 'was deleted for good' }] };
}

async function verify(
  context: ActionContext,
  place: Place,
  { input }: Mandate<Input>,
): Promise<Verification> {
  const claim = await untilEffective(context, `key ${input.accessKeyId} is deleted`, async () => {
    const { key } = await find(place, input);
    return key === undefined
      ? { ended: true, verdict: 'verified', detail: "IAM does not list it among the user's keys" }
      : { ended: false, verdict: 'failed', detail: `IAM lists it as ${key.status}` };
  });
  return {
    state: claim.verdict === 'verified' ? 'in-place' : 'absent',
    verdict: claim.verdict,
    claims: [claim],
  };
}
