import { placeOf } from '../../../domain/action.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import type { RegistryEvents } from '../../../domain/registry-event.ts';
import { truncate } from '../../../domain/safe-text.ts';
import type { Account, AccountRegistry } from '../../aws/accounts.ts';
import { registryPlace, type RegistryConfig } from '../../registries/registries.ts';
import type { Wanted } from './audit-event.ts';
import type { FindUseInput } from './contract.ts';

/** The audit logs of one cluster: a file of each of its API servers. */
export interface AuditLogConfig {
  cluster: string;
  environment: string;
  files: readonly string[];
}

/** Where uses of credentials are recorded. */
export interface Systems {
  accounts: AccountRegistry;
  registries: readonly RegistryConfig[];
  auditLogs: readonly AuditLogConfig[];
  /** What registries notified of. */
  registryEvents: Pick<RegistryEvents, 'find'>;
}

interface Common {
  /** Of the target: what it is, where it is, and what no namesake has. */
  kind: string;
  place: string;
  environment: string;
  name: string;
  uid: string;
  /** `access key AKIA… of account production`. */
  words: string;
}

/** What is looked for, and where. */
export type Sought = Common &
  (
    | { of: 'accessKey'; account: Account; id: string }
    | {
        of: 'registryUser';
        registry: RegistryConfig;
        user: string;
        registryEvents: Systems['registryEvents'];
      }
    | { of: 'serviceAccount' | 'token'; files: readonly string[]; wanted: Wanted }
  );

/**
 * @throws FirebreakError FB3301 for an account, FB3701 for a registry or a cluster that is not configured, or whose audit log is not
 */
export function soughtOf(systems: Systems, { credential }: FindUseInput): Sought {
  const { accessKey, registryUser, serviceAccount, token } = credential;
  if (accessKey !== undefined) {
    const account = systems.accounts(accessKey.account);
    const { id } = accessKey;
    return {
      of: 'accessKey',
      kind: 'AccessKey',
      place: placeOf('aws', account.name),
      environment: account.environment,
      name: `access-key/${id}`,
      uid: id,
      words: `access key ${id} of account ${account.name}`,
      account,
      id,
    };
  }
  if (registryUser !== undefined) {
    const { registry: wanted, name: user } = registryUser;
    const registry = oneOf(systems.registries, wanted, 'registries');
    return {
      of: 'registryUser',
      kind: 'RegistryUser',
      place: registryPlace(registry),
      environment: registry.environment,
      name: `user/${user}`,
      uid: user,
      words: `user ${user} of registry ${registry.name}`,
      registry,
      user,
      registryEvents: systems.registryEvents,
    };
  }
  if (serviceAccount !== undefined) {
    const { namespace, name } = serviceAccount;
    const username = `system:serviceaccount:${namespace}:${name}`;
    return inCluster(systems, serviceAccount.cluster, {
      of: 'serviceAccount',
      kind: 'ServiceAccount',
      name: username,
      uid: username,
      words: `ServiceAccount ${namespace}/${name} of cluster ${serviceAccount.cluster}`,
      wanted: { username },
    });
  }
  const { cluster = '', id = '' } = token ?? {};
  const jti = id.replace(/^JTI=/, '');
  return inCluster(systems, cluster, {
    of: 'token',
    kind: 'ServiceAccountToken',
    name: `token/${jti}`,
    uid: jti,
    words: `ServiceAccount token ${jti} of cluster ${cluster}`,
    wanted: { credentialId: `JTI=${jti}` },
  });
}

function inCluster(
  { auditLogs }: Systems,
  cluster: string,
  sought: Omit<Extract<Sought, { wanted: Wanted }>, 'place' | 'environment' | 'files'>,
): Sought {
  const named = auditLogs.map((log) => ({ ...log, name: log.cluster }));
  const { environment, files } = oneOf(named, cluster, 'clusters');
  if (files.length > 0) return { ...sought, place: cluster, environment, files };
  throw new FirebreakError(
    'FB3701',
    `clusters.${cluster} has no auditLog: name the file that its API server writes, --audit-log-path`,
  );
}

function oneOf<T extends { name: string }>(all: readonly T[], name: string, field: string): T {
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new FirebreakError(
    'FB3701',
    `${JSON.stringify(truncate(name, 80))} is none of ${field}; configured: ${all.map((one) => one.name).join(', ') || 'none'}`,
  );
}
