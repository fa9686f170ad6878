import type { Action } from '../../domain/action.ts';
import { containAccessKey } from './contain-access-key.ts';
import { containPrincipal } from './contain-principal.ts';
import type { AwsOptions } from './options.ts';
import { revokeRoleSessions } from './revoke-role-sessions.ts';

/** Every action on AWS. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function awsActions(options: AwsOptions): Action[] {
  return [containAccessKey(options), containPrincipal(options), revokeRoleSessions(options)];
}
