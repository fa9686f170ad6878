import type { Action } from '../../domain/action.ts';
import type { SecretStores } from '../../domain/secret.ts';
import type { ClusterRegistry } from '../kubernetes/client.ts';
import type { AccountRegistry } from './accounts.ts';

export interface AwsOptions {
  accounts: AccountRegistry;
  /** For consumers of a key that are workloads. */
  clusters: ClusterRegistry;
  secrets: SecretStores;
}

/** Every action on AWS. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function awsActions(_options: AwsOptions): Action[] {
  return [];
}
