import type { ActionContext, Authority, Change, Limit, Plan } from '../../../domain/action.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import { canonical } from '../../../domain/json.ts';
import { truncate } from '../../../domain/safe-text.ts';
import type { Cluster } from '../client.ts';
import { objectGone } from '../quarantine/failures.ts';
import { findSupports } from '../quarantine/surroundings.ts';
import { readNamespace, whoAmI } from '../quarantine/target.ts';
import { changeOf } from '../quarantine/write.ts';
import { leftLimits } from '../restart/left.ts';
import { plannedRestart } from '../restart/restart.ts';
import { findUsers, type Users } from '../restart/users.ts';
import { storeSnapshot, type ServiceAccount, type Snapshot } from './account.ts';
import { describeBinding, survivingBindings } from './bindings.ts';
import { action, notCovered, type RevokeInput } from './contract.ts';
import { exactOf, findAccount, labelOf, usersOf } from './target.ts';
import { listTokenSecrets } from './token-secrets.ts';

const PLAN_MS = 20_000;
const MAX_SHOWN = 50;
/** How many restarts a person is asked for: steps with room, so that new workloads change nothing while the approval is pending. */
const CAPS = [50, 500];
const MAX_CAP = 5_000;

const nobody: Users = { waves: [], left: [], pods: 0 };

/** Reads only, within 20 s. */
export async function plan(cluster: Cluster, context: ActionContext, input: RevokeInput): Promise<Plan> {
  const { namespace, serviceAccount: name, restart, reissue } = input;
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PLAN_MS)]);
  const [, account, tokenSecrets, bindings, engine] = await Promise.all([
    readNamespace(cluster, namespace, signal),
    findAccount(cluster, input, signal),
    listTokenSecrets(cluster, namespace, name, signal),
    survivingBindings(cluster, namespace, name, signal),
    whoAmI(cluster, signal),
  ]);
  if (account === undefined) throw objectGone(labelOf(input), `does not exist in cluster ${cluster.name}`);
  const unknown = reissue.filter((each) => !tokenSecrets.some((secret) => secret.name === each));
  if (unknown.length > 0)
    throw new FirebreakError(
      'FB3227',
      `with.reissue: no token Secret of ${labelOf(input)}: ${unknown.join(', ')}; it has ${tokenSecrets.map((secret) => secret.name).join(', ') || 'none'}`,
    );
  const [users, supports] = await Promise.all([
    restart ? findUsers(cluster, namespace, usersOf(input, { tokenSecrets }), signal) : nobody,
    findSupports(cluster, namespace, engine, signal),
  ]);
  const workloads = users.waves.flat();
  const cap = CAPS.find((step) => workloads.length <= step / 2) ?? MAX_CAP;
  const authority: Authority = {
    action,
    targets: [
      { kind: 'ServiceAccount', cluster: cluster.name, namespace, name, uid: account.metadata.uid ?? '' },
    ],
    rule:
      'delete this ServiceAccount, which ends all of its tokens, and make it again as it is now' +
      (reissue.length === 0 ? '' : `; issue its token Secrets ${reissue.join(', ')} again`) +
      (restart ? `; restart workloads that use it, at most ${cap}, and no suspects` : ''),
    caps: restart ? { workloads: cap } : {},
    undo: 'none',
    exact: exactOf(account, input),
  };
  const changes: Change[] = [
    changeOf('delete', account, 'deleted: every token issued for it dies'),
    remade(account),
    ...tokenSecrets.map((secret): Change => ({
      verb: 'delete',
      object: { apiVersion: 'v1', kind: 'Secret', namespace, name: secret.name, uid: secret.uid },
      summary: reissue.includes(secret.name)
        ? 'dies with the account, and is issued again under its name'
        : 'dies with the account: the tokens controller removes it',
    })),
    ...workloads.map(plannedRestart),
  ];
  const snapshot: Snapshot = {
    v: 1,
    cluster: cluster.name,
    takenAt: context.now().toISOString(),
    account,
    tokenSecrets,
  };
  const lost = tokenSecrets.filter((secret) => !reissue.includes(secret.name));
  const whole = {
    action,
    authority,
    facts: [
      {
        cluster: cluster.name,
        namespace,
        supports,
        pods: users.pods,
        environment: cluster.environment,
      },
    ],
    changeCount: changes.length,
    notCovered: [
      ...limitsOf(
        account,
        bindings.map(describeBinding),
        lost.map((secret) => secret.name),
        restart,
      ),
      ...leftLimits(users.left, 'They are refused until they get a new token.'),
      ...notCovered,
    ],
    undo: {
      kind: 'none' as const,
      text: 'there is none: a token that was revoked cannot be made good again; new ones are issued at once',
    },
    description: {
      title: `Revoke all tokens of ServiceAccount ${namespace}/${name} in ${cluster.name}`,
      ifApproved: [
        `Every token of ${name} is refused by the API server; this cannot be undone.`,
        'The account is made again with the same labels, annotations, pull secrets and rights.',
        restart
          ? `${workloads.length} workloads (${users.pods} pods) restart one pod after another; ${users.left.length} others are left, and are refused.`
          : 'Nothing is restarted: pods that use it are refused until they get a new token.',
        ...(lost.length === 0
          ? []
          : [`${lost.length} token Secrets are gone for good; whoever uses them outside is cut off.`]),
      ],
      ifDenied: [`Stolen tokens of ${name} stay good until they expire, those of token Secrets for ever.`],
    },
    snapshot: await storeSnapshot(context, snapshot),
  };
  const full = await context.evidence.put(
    canonical({ ...whole, changes, bindings, left: users.left }),
    'application/json',
    { essential: true },
  );
  return { ...whole, changes: changes.slice(0, MAX_SHOWN), full };
}

function remade(account: ServiceAccount): Change {
  const { verb, object, after, summary } = changeOf('create', account, 'made again as it was');
  const { uid: _, ...nameless } = object;
  return { verb, object: nameless, ...(after === undefined ? {} : { after }), summary };
}

/** Annotations by which clouds trust an account's tokens, which they check by signature alone. */
const trusted = [
  'eks.amazonaws.com/role-arn',
  'iam.gke.io/gcp-service-account',
  'azure.workload.identity/client-id',
];

function limitsOf(
  account: ServiceAccount,
  bindings: readonly string[],
  lost: readonly string[],
  restart: boolean,
): Limit[] {
  const clouds = trusted.filter((key) => account.metadata.annotations?.[key] !== undefined);
  return [
    ...limit(
      'cloud-identity',
      'The account is trusted by a cloud, which accepts stolen tokens until they expire: deny its role there as well.',
      clouds.map((key) => truncate(`${key}=${account.metadata.annotations?.[key] ?? ''}`, 200)),
    ),
    ...limit(
      'bindings',
      'Bindings name the account, or a group that it is in: the new account has the same rights.',
      bindings,
    ),
    ...limit('token-secrets', 'Token Secrets that are not issued again.', lost),
    ...(restart ? [] : [{ code: 'not-restarted', text: 'Pods that run keep a token that is refused.' }]),
  ];
}

function limit(code: string, text: string, objects: readonly string[]): Limit[] {
  return objects.length === 0 ? [] : [{ code, text, objects: objects.slice(0, 20), count: objects.length }];
}
