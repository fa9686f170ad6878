import type { SecretStores } from '../../domain/secret.ts';
import type { ClusterRegistry } from '../kubernetes/client.ts';
import type { AccountRegistry } from './accounts.ts';

/** What the actions on AWS are made over. */
export interface AwsOptions {
  accounts: AccountRegistry;
  /** For consumers of a key that are workloads. */
  clusters: ClusterRegistry;
  secrets: SecretStores;
}
