import { at, type At, type Frame } from './frame.ts';
import { runApprove } from './kinds/approve.ts';
import { runAsk } from './kinds/ask.ts';
import { runEnd } from './kinds/end.ts';
import { runFail } from './kinds/fail.ts';
import { foreachFrames, runForeach } from './kinds/foreach.ts';
import { branchFrames, runParallel } from './kinds/parallel.ts';
import { childFrames, runChild } from './kinds/playbook.ts';
import { runSet } from './kinds/set.ts';
import { caseFrames, runSwitch } from './kinds/switch.ts';
import { runUses } from './kinds/uses.ts';
import { runWait } from './kinds/wait.ts';
import { roundFrames, runWhile } from './kinds/while.ts';
import type { End } from './tree.ts';

/** Begins an attempt at a step, or moves it on. @returns its end, when it has come. @throws ExpressionError */
export function workOn({ frame, step, state }: At): End | undefined {
  switch (step.kind) {
    case 'action':
      return runUses(at(frame, step, state));
    case 'playbook':
      return runChild(at(frame, step, state));
    case 'parallel':
      return runParallel(at(frame, step, state));
    case 'foreach':
      return runForeach(at(frame, step, state));
    case 'switch':
      return runSwitch(at(frame, step, state));
    case 'while':
      return runWhile(at(frame, step, state));
    case 'wait':
      return runWait(at(frame, step, state));
    case 'approve':
      return runApprove(at(frame, step, state));
    case 'ask':
      return runAsk(at(frame, step, state));
    case 'set':
      return runSet(at(frame, step, state));
    case 'fail':
      return runFail(at(frame, step, state));
    default:
      return runEnd(at(frame, step, state));
  }
}

/** The lists inside a step that are kept now. */
export function framesOf({ frame, step, state }: At): Frame[] {
  switch (step.kind) {
    case 'playbook':
      return childFrames(at(frame, step, state));
    case 'parallel':
      return branchFrames(at(frame, step, state));
    case 'foreach':
      return foreachFrames(at(frame, step, state));
    case 'switch':
      return caseFrames(at(frame, step, state));
    case 'while':
      return roundFrames(at(frame, step, state));
    default:
      return [];
  }
}
