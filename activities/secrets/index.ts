import { FirebreakError } from '../../domain/errors.ts';
import type { Verb } from '../../domain/permission.ts';
import { truncate } from '../../domain/safe-text.ts';
import type { SecretStore, SecretStores } from '../../domain/secret.ts';
import { storePermissions, type StoreScope } from './permissions.ts';

/** Finds the store that a secret's name begins with. `scopes`: of these stores, for the permissions that they need. */
export function secretStores(
  stores: readonly SecretStore[],
  scopes: readonly StoreScope[] = [],
): SecretStores {
  const byName = new Map(stores.map((store) => [store.name, store]));
  const find = (name: string): ReturnType<SecretStores> => {
    const slash = name.indexOf('/');
    const store = byName.get(slash < 0 ? name : name.slice(0, slash));
    if (store !== undefined && slash > 0 && slash < name.length - 1)
      return { store, path: name.slice(slash + 1) };
    throw new FirebreakError(
      'FB3401',
      `secret ${JSON.stringify(truncate(name, 80))} is not <store>/<path> with one of the secretStores that are configured: ${[...byName.keys()].join(', ') || 'none'}`,
    );
  };
  return Object.assign(find, {
    permissions: (use: 'read' | 'write', verb: Verb) =>
      scopes.flatMap((scope) => storePermissions(scope, use, verb)),
  });
}
