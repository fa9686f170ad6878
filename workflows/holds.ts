import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { EvidenceRef } from '../domain/evidence.ts';
import {
  acquireUpdate,
  holdsQuery,
  letGoUpdate,
  settleUpdate,
  type Acquired,
  type HeldTarget,
  type HoldRequest,
  type HoldsArguments,
  type LetGo,
} from './contract.ts';

/** Updates in one run before it continues as new: the server takes 2,000 at most. */
const maxUpdates = 500;

/**
 * Who holds what in one cluster. For each target it knows the base snapshot, taken once by the first holder, and everybody who holds it; only the last
 * one to let go may restore it, and nobody acquires it while that is under way. An incident that is over, terminated or failed, is not waited for: it
 * would keep its target contained for ever. Every Update says the same when it is sent again.
 */
export async function holds(input: HoldsArguments): Promise<never> {
  const targets = new Map<string, HeldTarget>(Object.entries(input.targets));
  const limit = input.maxUpdates ?? maxUpdates;
  let updates = 0;

  setHandler(
    defineUpdate<Acquired, [HoldRequest, EvidenceRef, string]>(acquireUpdate),
    async (request, base, expiresAt) => {
      updates += 1;
      await condition(() => isFree(targets.get(request.target), request));
      const target = targets.get(request.target);
      if (target === undefined) {
        targets.set(request.target, { base, holders: [{ ...holderOf(request), expiresAt }] });
        return { base, first: true };
      }
      const mine = target.holders.find((holder) => isSame(holder, request));
      if (mine === undefined) target.holders.push({ ...holderOf(request), expiresAt });
      else mine.expiresAt = expiresAt;
      return { base: target.base, first: target.holders.length === 1 };
    },
  );
  setHandler(
    defineUpdate<LetGo, [HoldRequest, EvidenceRef, string[]]>(letGoUpdate),
    (request, ownBase, over) => {
      updates += 1;
      // Nobody lets go twice: a target that is not known was lost with a run before this one, and who asks does hold it.
      const target = targets.get(request.target) ?? { base: ownBase, holders: [] };
      const { base } = target;
      const others = target.holders.filter((holder) => !isSame(holder, request));
      const living = others.filter(({ incident }) => !over.includes(incident));
      if (living.length > 0) {
        target.holders = living;
        return { last: false, base, others: names(living), ended: [] };
      }
      targets.set(request.target, {
        base,
        holders: [{ ...holderOf(request), expiresAt: '' }],
        restoring: request.incident,
      });
      return { last: true, base, others: [], ended: names(others) };
    },
  );
  setHandler(defineUpdate<void, [HoldRequest, boolean]>(settleUpdate), (request, restored) => {
    updates += 1;
    const target = targets.get(request.target);
    if (target?.restoring !== request.incident) return;
    if (restored) targets.delete(request.target);
    else delete target.restoring;
  });
  setHandler(defineQuery<{ [target: string]: HeldTarget }>(holdsQuery), () => Object.fromEntries(targets));

  await condition(() => updates >= limit || workflowInfo().continueAsNewSuggested);
  // An acquirer that waits for a restore is not carried over: its activity sends the Update again, to the next run.
  await condition(allHandlersFinished, '30s');
  return continueAsNew<typeof holds>({ ...input, targets: Object.fromEntries(targets) });
}

function isFree(target: HeldTarget | undefined, request: HoldRequest): boolean {
  return target?.restoring === undefined || target.restoring === request.incident;
}

function isSame(holder: { incident: string; step: string }, request: HoldRequest): boolean {
  return holder.incident === request.incident && holder.step === request.step;
}

function holderOf({ incident, step }: HoldRequest) {
  return { incident, step };
}

function names(holders: readonly { incident: string }[]): string[] {
  return holders.map(({ incident }) => incident);
}
