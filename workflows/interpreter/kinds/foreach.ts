import { render } from '../../../language/run/expression.ts';
import type { ForeachStep } from '../../../language/run/playbook.ts';
import { haltAt, inner, scopeAt, type At, type Frame } from '../frame.ts';
import { attempt } from '../guard.ts';
import { outputsOf } from '../outputs.ts';
import { scopeAfter } from '../scope.ts';
import { endOf, isBad, isSettled, newBlock, type End, type ForeachWork } from '../tree.ts';

/** Runs its steps for each item, some at a time. After an item that ended badly no further one begins. */
export function runForeach(here: At<ForeachStep>): End | undefined {
  const { state } = here;
  const work = (state.work ??= {});
  if (work.foreach === undefined) {
    const begun = begin(here);
    if ('status' in begun) return begun;
    work.foreach = begun;
  }
  const loop = work.foreach;
  let moved: boolean;
  do {
    moved = fill(here, loop);
    for (const frame of foreachFrames(here)) here.run.advance(frame);
    if (reap(here, loop)) moved = true;
  } while (moved);
  return loop.live.length > 0 ? undefined : endLoop(here, loop);
}

function begin(here: At<ForeachStep>): ForeachWork | End {
  const items = render(here.step.items, scopeAt(here));
  const { maxItems } = here.step;
  if (!Array.isArray(items)) return { status: 'failed', why: 'what it goes through is not a list' };
  if (items.length > maxItems)
    return { status: 'failed', why: `it has ${items.length} items, more than its max-items of ${maxItems}` };
  const results = items.map(() => null);
  return { items, next: 0, live: [], results, succeeded: 0, failed: 0 };
}

function fill(here: At<ForeachStep>, loop: ForeachWork): boolean {
  const { step, run } = here;
  if (loop.bad !== undefined || loop.next >= loop.items.length || loop.live.length >= step.maxParallel)
    return false;
  if (haltAt(here) !== undefined) return false;
  while (loop.live.length < step.maxParallel && loop.next < loop.items.length) {
    loop.live.push({ index: loop.next, block: newBlock(step.steps) });
    loop.next += 1;
  }
  run.changes += 1;
  return true;
}

/** Takes the outputs of items that have ended, and forgets the rest of them. */
function reap(here: At<ForeachStep>, loop: ForeachWork): boolean {
  const frames = foreachFrames(here);
  const ended = frames.map((frame) => isSettled(frame.steps, frame.block));
  if (!ended.includes(true)) return false;
  for (const [place, frame] of frames.entries()) {
    const index = loop.live[place]?.index;
    if (ended[place] === true && index !== undefined) record(here, loop, index, frame);
  }
  loop.live = loop.live.filter((_, place) => ended[place] !== true);
  here.run.changes += 1;
  return true;
}

function record({ run, step }: At<ForeachStep>, loop: ForeachWork, index: number, frame: Frame): void {
  let end: End = endOf(frame.steps, frame.block);
  if (!isBad(end.status)) {
    const outputs = attempt(run, () =>
      outputsOf(step.outputs, scopeAfter(frame.steps, frame.block, frame.base())),
    );
    if (outputs.end === undefined) loop.results[index] = outputs.value;
    else end = outputs.end;
  }
  if (!isBad(end.status)) {
    loop.succeeded += 1;
    return;
  }
  loop.failed += 1;
  if (loop.bad === undefined || index < loop.bad.index) loop.bad = { index, end };
}

function endLoop(here: At<ForeachStep>, loop: ForeachWork): End {
  const { items, results, succeeded, failed, bad, next } = loop;
  const outputs = { items: results, count: items.length, succeeded, failed };
  if (bad !== undefined) {
    const { status, why } = bad.end;
    return { status, why: `item ${bad.index}${why === undefined ? '' : `: ${why}`}`, outputs };
  }
  const halt = next < items.length ? haltAt(here) : undefined;
  if (halt === undefined || halt.kind === 'end') return { status: 'done', outputs };
  return { status: 'cancelled', why: halt.why, outputs };
}

export function foreachFrames(here: At<ForeachStep>): Frame[] {
  const loop = here.state.work?.foreach;
  if (loop === undefined) return [];
  return loop.live.map(({ index, block }) =>
    inner(here, here.step.steps, block, { index, sees: { item: loop.items[index] ?? null, index } }),
  );
}
