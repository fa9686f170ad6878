import type { Action } from '../../domain/action.ts';
import type { SecretStores } from '../../domain/secret.ts';
import { harborDisableRobot } from './harbor-disable-robot.ts';
import { harborRotateRobot } from './harbor-rotate-robot.ts';
import type { RegistryRegistry } from './registries.ts';
import { registryRotateUser } from './registry-rotate-user.ts';

export interface RegistryOptions {
  registries: RegistryRegistry;
  secrets: SecretStores;
}

/** Every action on registries. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function registryActions(options: RegistryOptions): Action[] {
  return [harborRotateRobot(options), harborDisableRobot(options), registryRotateUser(options)];
}
