import type { Action } from '../../domain/action.ts';
import { containAccessKey } from './contain-access-key.ts';
import { containFunction } from './contain-function.ts';
import { containPrincipal } from './contain-principal.ts';
import { deleteAccessKey } from './delete-access-key.ts';
import type { AwsOptions } from './options.ts';
import { revokeRoleSessions } from './revoke-role-sessions.ts';
import { rotateAccessKey } from './rotate-access-key.ts';

export type { AwsOptions } from './options.ts';

/** Every action on AWS. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function awsActions(options: AwsOptions): Action[] {
  return [
    containAccessKey(options),
    containFunction(options),
    containPrincipal(options),
    revokeRoleSessions(options),
    rotateAccessKey(options),
    deleteAccessKey(options),
  ];
}
