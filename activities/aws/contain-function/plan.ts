import type { ActionContext, Authority, Plan } from '../../../domain/action.ts';
import { sha256 } from '../../../domain/json.ts';
import type { Account } from '../accounts.ts';
import { changeOf } from '../containment/run.ts';
import type { Input } from '../contain-function.ts';
import { reservedKey } from './concurrency.ts';
import { asyncEvents, functionUrls, readFunction } from './function.ts';
import { functionItems, roleItem } from './items.ts';
import { limitsOf } from './limits.ts';
import { mappingsOf } from './mappings.ts';
import { functionSupports, judgeRole } from './mandated.ts';
import { takeSnapshot } from './snapshot.ts';
import { describe, ruleOf, undoText } from './words.ts';

/** Lambda gives a function no id of its own; holds and records are kept by this one, which fits into their names. */
function uidOf(arn: string): string {
  return `function-${sha256(arn).slice('sha256:'.length, 'sha256:'.length + 20)}`;
}

/** Reads only. */
export async function plan(
  action: string,
  account: Account,
  context: ActionContext,
  { incident, input }: { incident: string; input: Input },
): Promise<Plan> {
  const place = { account, incident, signal: context.signal };
  const target = await readFunction(place, input.function);
  const [mappings, urls, events, own] = await Promise.all([
    mappingsOf(place, target),
    functionUrls(place, target.name),
    asyncEvents(place, target),
    functionItems(place, target),
  ]);
  const judged = input.role === 'keep' ? undefined : await judgeRole(place, target, input);
  const ofRole = input.role === 'keep' ? undefined : roleItem(place, target, input.role);
  const items = ofRole === undefined ? own : [...own, ofRole];
  const sharers = judged?.sharers ?? [];
  const { snapshot, ref } = await takeSnapshot(
    context,
    {
      account: account.place,
      function: { arn: target.arn, role: target.role },
      ...(judged === undefined ? {} : { roleId: judged.role.id }),
      seen: {
        configuration: target.kept,
        urls,
        asynchronousEvents: { ...events },
        eventSources: mappings.map((mapping) => ({ ...mapping })),
        functionsOnTheRole: sharers,
      },
    },
    items,
  );
  const stateOf = (key: string) => snapshot.states[key] ?? null;
  const changes = items
    .filter((item) => !item.stands(stateOf(item.key)))
    .map((item) => changeOf(item, stateOf(item.key), undefined));
  const alreadyHeld = ofRole?.ours(stateOf(ofRole.key)) ?? false;
  const environment = { cluster: account.place, namespace: '', pods: 0, environment: account.environment };
  const authority: Authority = {
    action,
    targets: [
      { kind: 'Function', cluster: account.place, name: target.arn, uid: uidOf(target.arn) },
      ...(judged === undefined
        ? []
        : [{ kind: 'Role', cluster: account.place, name: judged.role.arn, uid: judged.role.id }]),
    ],
    rule: ruleOf(input),
    caps: { functions: 1, roles: judged === undefined ? 0 : 1 },
    undo: 'restore',
  };
  const limits = limitsOf(
    target,
    events,
    urls.map(({ FunctionUrl }) => (typeof FunctionUrl === 'string' ? FunctionUrl : '')),
    input.role,
  );
  const whole = {
    action,
    authority,
    facts: [
      { ...environment, principal: target.arn, supports: functionSupports(place, target) },
      ...(judged === undefined
        ? []
        : [{ ...environment, principal: judged.role.arn, supports: judged.supports }]),
    ],
    changes: changes.slice(0, 50),
    changeCount: changes.length,
    notCovered: limits.map((limit) =>
      limit.code === 'everybody-on-the-role' && sharers.length > 0
        ? { ...limit, objects: sharers.slice(0, 20).map((name) => `function/${name}`), count: sharers.length }
        : limit,
    ),
    undo: { kind: 'restore' as const, text: undoText(stateOf(reservedKey)) },
    description: describe(input, target, account.name, { mappings: mappings.length, sharers }),
    snapshot: ref,
    ...(alreadyHeld ? { alreadyHeld } : {}),
  };
  const full = await context.evidence.put(JSON.stringify({ ...whole, changes }), 'application/json', {
    essential: true,
  });
  return { ...whole, full };
}
