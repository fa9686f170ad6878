import type { Action } from '../../domain/action.ts';
import type { SecretStores } from '../../domain/secret.ts';
import type { RegistryRegistry } from './registries.ts';

export interface RegistryOptions {
  registries: RegistryRegistry;
  secrets: SecretStores;
}

/** Every action on registries. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function registryActions(_options: RegistryOptions): Action[] {
  return [];
}
