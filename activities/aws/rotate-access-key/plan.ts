import type { ActionContext, Authority, Change, Limit, Plan } from '../../../domain/action.ts';
import { digest } from '../../../domain/json.ts';
import { targetGone } from '../containment/failures.ts';
import { readPrincipal, supportsOf, type Place } from '../containment/principal.ts';
import { otherValue, twoKeys } from './failures.ts';
import type { Input } from './input.ts';
import { keyWords, listKeys, type Key } from './keys.ts';
import { readStored, type RotateOptions, type Snapshot } from './world.ts';

export const apiVersion = 'iam.amazonaws.com/2010-05-08';

export const notCovered: Limit[] = [
  {
    code: 'open-sessions',
    text: 'STS sessions that were begun with the old key live on until they expire: a compromised key is contained first (aws.contain-access-key).',
  },
  {
    code: 'copies',
    text: 'Copies of the old key elsewhere stop working when it is Inactive; consumers that do not read the secret anew stop with them.',
  },
  {
    code: 'old-key-kept',
    text: 'The old key is Inactive and not deleted, and its value stays beside the new one: aws.delete-access-key ends it for good.',
  },
];

/** Reads only. @throws Refused with a choice when the user has two keys, or the secret holds something else */
export async function plan(
  action: string,
  options: RotateOptions,
  context: ActionContext,
  { incident, input }: { incident: string; input: Input },
): Promise<Plan> {
  const account = options.accounts(input.account);
  const place: Place = { account, incident, signal: context.signal };
  const { store, path } = options.secrets(input.secret);
  const user = await readPrincipal(place, { kind: 'user', name: input.user });
  const [keys, stored, supports] = await Promise.all([
    listKeys(place, user.name),
    readStored({ store, path, place }),
    supportsOf(place, user),
  ]);
  const old = keys.find(({ id }) => id === input.accessKeyId);
  if (old === undefined) throw targetGone(`access key ${input.accessKeyId}`, `is none of user ${user.name}`);
  if (keys.length > 1) throw twoKeys(user.name, keys, old.id, context.now());
  const where = store.describe(path);
  if (stored !== undefined && stored.key?.accessKeyId !== old.id) throw otherValue(where, old.id);
  const { id, status, createdAt } = old;
  const base: Snapshot = {
    v: 1,
    account: account.place,
    takenAt: context.now().toISOString(),
    user: { name: user.name, arn: user.arn, id: user.id },
    old: { id, status, createdAt },
    stored: stored !== undefined,
  };
  const authority: Authority = {
    action,
    targets: [{ kind: 'AccessKey', cluster: account.place, name: user.arn, uid: id }],
    rule: `make one new access key for ${user.arn}, keep it in ${where} in place of ${id}, and make ${id} Inactive once the new one is proven by ${input.check}`,
    caps: { keys: 1 },
    undo: 'restore',
    exact: digest({ user: user.id, old: id, input }),
  };
  const changes = changesOf(user.name, old, { where, stored: stored !== undefined });
  const whole = {
    action,
    authority,
    facts: [
      {
        cluster: account.place,
        namespace: '',
        principal: user.arn,
        supports,
        pods: 0,
        environment: account.environment,
      },
    ],
    changes,
    changeCount: changes.length,
    notCovered,
    undo: {
      kind: 'restore' as const,
      text:
        `${id} is ${status} again${stored === undefined ? '' : ` and back in ${where}`}, workloads that read it are restarted, and the new key is made Inactive; ` +
        'it is left for aws.delete-access-key, since a deletion could not be taken back',
    },
    description: {
      title: `Rotate access key ${id} of user ${user.name} in ${account.name}`,
      ifApproved: [
        `A new key is made for ${user.arn} and kept in ${where}; nobody sees it.`,
        `Old key: ${keyWords(old, context.now())}. It is made Inactive once the new one is proven: whatever still uses it is refused from then on.`,
        ...(store.kubernetes === undefined ? [] : ['Workloads that take the Secret are restarted, rolling.']),
      ],
      ifDenied: [`${id} stays as it is.`],
    },
    snapshot: await context.evidence.put(JSON.stringify(base), 'application/json', { essential: true }),
  };
  const full = await context.evidence.put(JSON.stringify(whole), 'application/json', { essential: true });
  return { ...whole, full };
}

export function objectOf(user: string, id: string): Change['object'] {
  return { apiVersion, kind: 'AccessKey', name: `${user}/${id}` };
}

function changesOf(user: string, old: Key, { where, stored }: { where: string; stored: boolean }): Change[] {
  return [
    { verb: 'create', object: objectOf(user, '(new)'), summary: 'a second access key of the user' },
    {
      verb: stored ? 'update' : 'create',
      object: { apiVersion, kind: 'StoredSecret', name: where },
      summary: stored
        ? `holds the new key in place of ${old.id}, which is kept beside it`
        : 'holds the new key',
    },
    { verb: 'update', object: objectOf(user, old.id), summary: 'is made Inactive' },
  ];
}
