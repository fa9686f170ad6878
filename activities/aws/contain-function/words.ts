import type { Plan } from '../../../domain/action.ts';
import { principalName } from '../containment/principal.ts';
import type { Input } from '../contain-function.ts';
import type { LambdaFunction } from './function.ts';

const ofRole: { readonly [K in Input['role']]: string } = {
  keep: '',
  'deny-sessions': '; deny its role everything in sessions that were issued before',
  deny: '; deny its role everything by an inline policy',
};

/** What is authorised, in one sentence. */
export function ruleOf({ role, sharedRole }: Pick<Input, 'role' | 'sharedRole'>): string {
  const shared = role === 'keep' || sharedRole === 'refuse' ? '' : ', though other functions may run as it';
  return `let no invocation of this function start: reserve no concurrency, remove what is provisioned, disable every event source of it${ofRole[role]}${shared}`;
}

/** @param reserved the concurrency that was reserved before; null for none */
export function undoText(reserved: string | null): string {
  const concurrency =
    reserved === null
      ? 'the reservation of concurrency is removed'
      : `${reserved} concurrent invocations are reserved again`;
  return `${concurrency}, provisioned concurrency is asked for again, event sources that this containment disabled are enabled, and the denial on the role is removed; events that wait then run`;
}

/** The plan for a person who has ten seconds. */
export function describe(
  { role }: Pick<Input, 'role'>,
  target: LambdaFunction,
  account: string,
  seen: { mappings: number; sharers: readonly string[] },
): Plan['description'] {
  const { name } = target;
  const roleName = principalName(target.role).name;
  const ifApproved = [
    `No invocation of function ${name} starts any more, whoever asks: callers get 429, its URLs too.`,
    `Those that run go on for up to ${target.timeout} s.`,
  ];
  if (seen.mappings > 0) {
    ifApproved.push(
      `Its ${seen.mappings} event sources are disabled: queues and streams keep what they have.`,
    );
  }
  if (role !== 'keep') {
    const which = role === 'deny' ? 'no session of it' : 'no session from before';
    ifApproved.push(`Role ${roleName} can do nothing in AWS any more: ${which} is let through.`);
  }
  if (seen.sharers.length > 0) {
    ifApproved.push(
      `${seen.sharers.length} other functions run as that role, and stop working: ${seen.sharers.slice(0, 10).join(', ')}.`,
    );
  }
  return {
    title: `Contain function ${name} in AWS account ${account}`,
    ifApproved,
    ifDenied: [`Nothing changes: function ${name} goes on, with the rights of role ${roleName}.`],
  };
}
