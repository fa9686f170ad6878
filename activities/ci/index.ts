import type { Action } from '../../domain/action.ts';
import type { SecretStores } from '../../domain/secret.ts';
import type { ForgeRegistry } from './forges.ts';

export interface CiOptions {
  forges: ForgeRegistry;
  secrets: SecretStores;
}

/** Every action on forges and their CI. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function ciActions(_options: CiOptions): Action[] {
  return [];
}
