import type { Caller } from './state.ts';

/** Whether somebody may: administrators anything; robots what they were given of the system, or of a project where one is named. */
export function may(caller: Caller, resource: string, action: string, project?: string): boolean {
  if (caller.kind === 'user') return caller.admin;
  if (caller.kind === 'nobody') return false;
  return caller.robot.permissions.some(
    ({ kind, namespace, access }) =>
      (project === undefined
        ? kind === 'system'
        : kind === 'project' && (namespace === '*' || namespace === project)) &&
      access.some((one) => one.resource === resource && one.action === action),
  );
}
