import type { ActionContext, Mandate, Target } from '../../../domain/action.ts';
import { digest, type Digest } from '../../../domain/json.ts';
import type { Cluster } from '../client.ts';
import { drift, refused } from '../quarantine/failures.ts';
import { meaning } from '../quarantine/marks.ts';
import { livingOwners } from '../quarantine/owners.ts';
import { find } from '../quarantine/write.ts';
import type { OwnerReference } from '../resources.ts';
import type { RestartRequest } from '../restart/restart.ts';
import { usesSecret, usesServiceAccount } from '../restart/uses.ts';
import { accountAt, loadSnapshot, madeAgain, type ServiceAccount, type Snapshot } from './account.ts';
import type { RevokeInput } from './contract.ts';

export function labelOf({ namespace, serviceAccount }: RevokeInput): string {
  return `serviceaccounts/${namespace}/${serviceAccount}`;
}

/** What a person approves exactly: the account as it is to be made again, and what else is done. */
export function exactOf(account: ServiceAccount, { restart, reissue, suspects = {} }: RevokeInput): Digest {
  return digest({ account: meaning(account), restart, reissue: reissue.toSorted(), suspects });
}

/**
 * The one account of a mandate, with the snapshot that it is made again from.
 * @throws Refused when the authority is not for what the input says; Drift when the snapshot is not what was approved
 */
export async function mandatedAccount(
  context: ActionContext,
  { authority, input, base }: Mandate<RevokeInput>,
): Promise<{ target: Target; snapshot: Snapshot }> {
  const [target, ...more] = authority.targets;
  if (
    target === undefined ||
    more.length > 0 ||
    target.kind !== 'ServiceAccount' ||
    target.cluster !== input.cluster ||
    target.namespace !== input.namespace ||
    target.name !== input.serviceAccount
  ) {
    throw refused(`the authority is not for ${labelOf(input)} in cluster ${input.cluster}`);
  }
  const snapshot = await loadSnapshot(context, base);
  if (snapshot.account.metadata.uid !== target.uid || exactOf(snapshot.account, input) !== authority.exact)
    throw drift('the snapshot', 'is not of what was approved');
  return { target, snapshot };
}

/** The account as it is to be, and the owners that are left out because they are gone. */
export async function wantedAccount(
  cluster: Cluster,
  { account }: Snapshot,
  signal: AbortSignal,
): Promise<{ wanted: ServiceAccount; dropped: OwnerReference[] }> {
  const { namespace = '', ownerReferences = [] } = account.metadata;
  const { kept, dropped } = await livingOwners(cluster, namespace, ownerReferences, signal);
  return { wanted: madeAgain(account, kept), dropped };
}

export async function findAccount(
  cluster: Cluster,
  { namespace, serviceAccount }: RevokeInput,
  signal: AbortSignal,
): Promise<ServiceAccount | undefined> {
  return find<ServiceAccount>(cluster, accountAt(namespace, serviceAccount), signal);
}

/** Who is restarted: whoever runs as the account or takes one of its token Secrets, unless that Secret is gone for good. */
export function usersOf(
  { namespace, serviceAccount, reissue, suspects = {} }: RevokeInput,
  { tokenSecrets }: Pick<Snapshot, 'tokenSecrets'>,
): Omit<RestartRequest, 'cap' | 'waveMs'> {
  const runs = usesServiceAccount(serviceAccount);
  const takes = tokenSecrets.map(({ name }) => usesSecret(name));
  const lost = tokenSecrets.filter(({ name }) => !reissue.includes(name)).map(({ name }) => usesSecret(name));
  return {
    namespace,
    uses: (spec) => runs(spec) || takes.some((uses) => uses(spec)),
    breaks: (spec) => lost.some((uses) => uses(spec)),
    spared: suspects,
  };
}
