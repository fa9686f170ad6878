import type { View } from './scope-shape.ts';
import type { Placed } from './source/walk.ts';

/** The steps of a file, and what is seen of them from where. */
export interface Visibility {
  ids: readonly string[];
  /** Why a place does not see a step; undefined when it does, or when there is no such step. */
  why(id: string, view: View): { message: string; fix: string } | undefined;
}

export function visibilityOf(steps: ReadonlyMap<string, Placed>): Visibility {
  const unseen: Visibility['why'] = (id, view) => {
    if (view.steps.has(id)) return undefined;
    const target = steps.get(id);
    if (target === undefined) return undefined;
    if (id === view.step)
      return {
        message: 'a step knows nothing of itself before it has ended',
        fix: 'remove this, or ask about another step',
      };
    const here = view.step === undefined ? undefined : steps.get(view.step);
    return why(id, target, here);
  };
  return { ids: [...steps.keys()], why: unseen };
}

function why(id: string, target: Placed, here: Placed | undefined): { message: string; fix: string } {
  const mine = chain(here);
  const theirs = chain(target);
  const shared = theirs.findIndex((step, level) => step.id !== mine[level]?.id);
  if (shared === -1)
    return {
      message: `the step "${id}" is around this one, and has not ended`,
      fix: 'remove this, or ask about another step',
    };
  // Whatever lies in a loop or after a failure, that the asking place is not in as well, stays in there.
  const hidden = target.around.slice(shared).find(({ of }) => of === 'body' || of === 'on-failure');
  if (hidden !== undefined)
    return {
      message: `the step "${id}" is only seen ${hidden.of === 'body' ? 'inside' : 'in on-failure of'} "${hidden.step.id}"`,
      fix:
        hidden.of === 'body'
          ? `declare it in outputs of "${hidden.step.id}", and ask steps.${hidden.step.id}.outputs`
          : 'remove this, or ask about another step',
    };
  const message = `the step "${id}" need not be done when this one begins`;
  const first = theirs[shared];
  const own = mine[shared];
  if (first === undefined || own === undefined || !sameList(target, here, shared))
    return { message, fix: 'ask about it in a later step, which comes after both' };
  const nearby = shared === mine.length - 1;
  return {
    message,
    fix: nearby ? `add "${first.id}" to this step's needs` : `add "${first.id}" to the needs of "${own.id}"`,
  };
}

/** The steps around a step, and itself. */
function chain(placed: Placed | undefined): { id: string }[] {
  return placed === undefined ? [] : [...placed.around.map(({ step }) => step), placed.step];
}

/** Whether two chains of steps, the same above `level`, are in one list there. */
function sameList(target: Placed, here: Placed | undefined, level: number): boolean {
  if (here === undefined) return false;
  const listOf = (placed: Placed): string => {
    const path = placed.around[level]?.path ?? placed.path;
    return JSON.stringify(path.slice(0, -1));
  };
  return listOf(target) === listOf(here);
}
