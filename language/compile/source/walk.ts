import type { Path } from '../problem.ts';
import type { SourceFile } from '../shape.ts';
import type { SourceStep, SourceSteps } from './step.ts';

/** A list of steps inside a step: `path` from that step. */
export interface SourceBlock {
  /** What it is of the step: a branch, the body of a loop, a case or the default of a switch, or what follows a failure. */
  of: 'branch' | 'body' | 'case' | 'on-failure';
  path: Path;
  steps: SourceSteps;
}

/** A step in a file, and where it stands. */
export interface Placed {
  step: SourceStep;
  /** From the file's top: `['steps', 0, 'parallel', 'eu', 1]`. */
  path: Path;
  /** The list that it stands in, and its place there. */
  siblings: SourceSteps;
  index: number;
  /** Which of the playbook's own lists it is in, at whatever depth. */
  top: 'steps' | 'on-failure' | 'always';
  /** The steps around it, outermost first, with the block of each that it is in. */
  around: readonly { step: SourceStep; path: Path; of: SourceBlock['of'] }[];
}

/** The lists of steps inside a step, in the order in which they may run. */
function sourceBlocks(step: SourceStep): SourceBlock[] {
  const blocks: SourceBlock[] = [];
  for (const [name, steps] of Object.entries(step.parallel ?? {}))
    blocks.push({ of: 'branch', path: ['parallel', name], steps });
  if (step.steps !== undefined) blocks.push({ of: 'body', path: ['steps'], steps: step.steps });
  for (const [value, steps] of Object.entries(step.cases ?? {}))
    blocks.push({ of: 'case', path: ['cases', value], steps });
  if (step.default !== undefined) blocks.push({ of: 'case', path: ['default'], steps: step.default });
  const after = step['on-failure'];
  if (after !== undefined) blocks.push({ of: 'on-failure', path: ['on-failure'], steps: after });
  return blocks;
}

/** Every step of a file, each before those inside it. */
export function* walkSource(file: SourceFile): Generator<Placed> {
  for (const top of ['steps', 'on-failure', 'always'] as const)
    yield* within(file[top] ?? [], [top], top, []);
}

function* within(
  siblings: SourceSteps,
  at: Path,
  top: Placed['top'],
  around: Placed['around'],
): Generator<Placed> {
  for (const [index, step] of siblings.entries()) {
    const path = [...at, index];
    yield { step, path, siblings, index, top, around };
    for (const block of sourceBlocks(step))
      yield* within(block.steps, [...path, ...block.path], top, [...around, { step, path, of: block.of }]);
  }
}
