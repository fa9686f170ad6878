import type { Action } from '../../domain/action.ts';
import { findUse } from './find-use.ts';
import type { Systems } from './find-use/systems.ts';

/** Every action on credentials of any system. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function credentialActions(systems: Systems): Action[] {
  return [findUse(systems)];
}
