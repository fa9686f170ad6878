import { effects, type Effect } from '../../domain/action.ts';
import type { Json } from '../../domain/json.ts';
import type { Approval } from '../../domain/person.ts';
import type { Step } from '../../language/run/playbook.ts';

/** Why a step that changed asks, holds or limits less than it did; nothing when it does not. By the name of the field. */
export function weakenedStep(before: Step, after: Step): Map<string, string> {
  const found = new Map<string, string>();
  const say = (field: string, why: string | undefined): void => {
    if (why !== undefined) found.set(field, why);
  };
  say('approve', weakenedApproval(approvalOf(before), approvalOf(after)));
  if (before.kind === 'ask' && after.kind === 'ask') {
    const others = after.from.filter((group) => !before.from.includes(group));
    if (others.length > 0) say('from', `another group may answer: ${others.join(', ')}`);
  }
  if (before.kind === 'action' && after.kind === 'action') {
    if (before.hold !== undefined && after.hold === undefined)
      say('hold', 'it no longer says how long it holds');
    else if ((after.hold?.forMs ?? 0) < (before.hold?.forMs ?? 0)) say('hold', 'it holds for less time');
    if (before.undo !== 'never' && after.undo === 'never')
      say('undo', 'a later failure leaves its change in place');
    else if (before.undo === 'ask' && after.undo === 'on-failure')
      say('undo', 'it is undone without asking people');
  }
  for (const cap of ['maxItems', 'maxParallel', 'maxRounds'] as const) {
    const [was, is] = [numberIn(before, cap), numberIn(after, cap)];
    if (was !== undefined && is !== undefined && is > was) say(cap, 'a cap is raised');
  }
  return found;
}

/** Why it matters that a step is gone. */
export function weakenedByLoss(step: Step, holds: boolean): string | undefined {
  if (step.kind === 'approve') return 'nobody is asked to approve here any more';
  if (step.kind === 'ask') return 'nobody is asked here any more';
  return holds ? 'a containment is gone' : undefined;
}

/** Whether an effect is worse than another. */
export function isWorse(before: Effect, after: Effect): boolean {
  return effects.indexOf(after) > effects.indexOf(before);
}

function approvalOf(step: Step): Approval | undefined {
  return step.kind === 'action' || step.kind === 'approve' ? step.approve : undefined;
}

function weakenedApproval(before: Approval | undefined, after: Approval | undefined): string | undefined {
  if (before === undefined) return undefined;
  if (after === undefined) return "it no longer says who must approve: the configuration's default decides";
  const others = after.from.filter((group) => !before.from.includes(group));
  const why = [
    ...(after.count < before.count
      ? [`fewer persons must approve: ${after.count}, not ${before.count}`]
      : []),
    ...(others.length > 0 ? [`another group may approve: ${others.join(', ')}`] : []),
    ...(before.otherwise === 'deny' && after.otherwise === 'escalate'
      ? ['silence is no denial any more: it is asked of the escalation']
      : []),
  ];
  return why.length === 0 ? undefined : why.join('; ');
}

function numberIn(step: Step, key: string): number | undefined {
  const value: Json | undefined = Object.entries(step).find(([name]) => name === key)?.[1];
  return typeof value === 'number' ? value : undefined;
}
