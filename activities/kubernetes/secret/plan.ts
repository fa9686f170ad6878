import type { ActionContext, Authority, Change, Limit, Plan } from '../../../domain/action.ts';
import { canonical } from '../../../domain/json.ts';
import type { SecretStores } from '../../../domain/secret.ts';
import type { Cluster } from '../client.ts';
import { objectGone } from '../quarantine/failures.ts';
import { findSupports } from '../quarantine/surroundings.ts';
import { readNamespace, whoAmI } from '../quarantine/target.ts';
import { leftLimits } from '../restart/left.ts';
import { plannedRestart } from '../restart/restart.ts';
import { findUsers, type Users } from '../restart/users.ts';
import { action, notCovered, type RotateInput } from './contract.ts';
import { exactOf, findSecret, labelOf, snapshotOf, storeSnapshot, usersOf } from './target.ts';
import { refuseUnfit } from './unfit.ts';
import { newValue } from './write.ts';

const PLAN_MS = 20_000;
const MAX_SHOWN = 50;
/** How many restarts a person is asked for: steps with room, so that new workloads change nothing while the approval is pending. */
const CAPS = [50, 500];
const MAX_CAP = 5_000;

const nobody: Users = { waves: [], left: [], pods: 0 };

/** Reads only, within 20 s. */
export async function plan(
  cluster: Cluster,
  secrets: SecretStores,
  context: ActionContext,
  input: RotateInput,
): Promise<Plan> {
  const { namespace, secret: name, key, restart, check, from } = input;
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PLAN_MS)]);
  const [, secret, engine, users] = await Promise.all([
    readNamespace(cluster, namespace, signal),
    findSecret(cluster, input, signal),
    whoAmI(cluster, signal),
    restart ? findUsers(cluster, namespace, usersOf(input), signal) : nobody,
    // Better said now than after the approval. The value is dropped.
    from === undefined ? undefined : newValue(secrets, input, signal),
  ]);
  if (secret === undefined) throw objectGone(labelOf(input), `does not exist in cluster ${cluster.name}`);
  if (secret.metadata.deletionTimestamp !== undefined) throw objectGone(labelOf(input), 'is being deleted');
  refuseUnfit(secret, input);
  const supports = await findSupports(cluster, namespace, engine, signal);
  const snapshot = snapshotOf(cluster.name, context.now().toISOString(), secret);
  const workloads = users.waves.flat();
  const cap = CAPS.find((step) => workloads.length <= step / 2) ?? MAX_CAP;
  const source = from === undefined ? 'a generated one' : `that of secret ${from}`;
  const authority: Authority = {
    action,
    targets: [{ kind: 'Secret', cluster: cluster.name, namespace, name, uid: snapshot.uid }],
    rule:
      `replace the value of key ${key} of this Secret by ${source}; the old one is not kept` +
      (restart ? `; restart workloads that use it, at most ${cap}, and no suspects` : '') +
      (check === undefined ? '' : `; send the old and the new value to ${check.url}`),
    caps: restart ? { workloads: cap } : {},
    undo: 'none',
    exact: exactOf(snapshot, input),
  };
  const changes: Change[] = [
    {
      verb: 'update',
      object: { apiVersion: 'v1', kind: 'Secret', namespace, name, uid: snapshot.uid },
      summary: `key ${key} gets a new value; the old one is not kept`,
    },
    ...workloads.map(plannedRestart),
  ];
  const whole = {
    action,
    authority,
    facts: [
      { cluster: cluster.name, namespace, supports, pods: users.pods, environment: cluster.environment },
    ],
    changeCount: changes.length,
    notCovered: [
      ...uncheckedLimit(input),
      ...leftLimits(users.left, 'They go on with the old value.'),
      ...(restart
        ? []
        : [{ code: 'not-restarted', text: 'Nothing is restarted: pods that run go on with the old value.' }]),
      ...notCovered,
    ],
    undo: {
      kind: 'none' as const,
      text: 'there is none: the old value is not kept, for it is known to others; rotate again to replace the new one',
    },
    description: {
      title: `Rotate key ${key} of Secret ${namespace}/${name} in ${cluster.name}`,
      ifApproved: [
        `The value of ${key} is replaced by ${source}; this cannot be undone.`,
        restart
          ? `${workloads.length} workloads (${users.pods} pods) restart one pod after another; ${users.left.length} others are left with the old value.`
          : 'Nothing is restarted.',
        check === undefined
          ? 'Whether the old value is refused from then on is not measured.'
          : `Both values are sent to ${check.url}, to see that the old one is refused and the new one accepted.`,
      ],
      ifDenied: ['The value stays, and whoever stole it can go on using it.'],
    },
    snapshot: await storeSnapshot(context, snapshot),
  };
  const full = await context.evidence.put(
    canonical({ ...whole, changes, left: users.left }),
    'application/json',
    { essential: true },
  );
  return { ...whole, changes: changes.slice(0, MAX_SHOWN), full };
}

function uncheckedLimit({ check }: RotateInput): Limit[] {
  return check === undefined
    ? [{ code: 'old-value-untried', text: 'Whether the old value is refused: no check is given.' }]
    : [];
}
