import { blocksOf, pathOfAddress, topBlocks, type Playbook, type Step } from '../../language/run/playbook.ts';
import type { Run } from './frame.ts';
import { live } from './walk.ts';

/** Takes the end of an undo that was told. The step is not tried again: its reason says what became of it. */
export function settleUndo(run: Run): void {
  const { undoing, applied } = run.state;
  if (undoing?.told === undefined) return;
  const { address, told } = undoing;
  const place = applied.findLastIndex((entry) => entry.address === address);
  const [entry] = applied.splice(place, 1);
  delete run.state.undoing;
  run.changes += 1;
  const known = live(run).find((here) => here.address === address);
  const step = known?.step ?? stepAt(run.playbook, pathOfAddress(address));
  if (step === undefined || entry === undefined) return;
  const before = known?.state ?? { status: entry.status };
  const failed = [before.why, `its undo failed${told.why === undefined ? '' : `: ${told.why}`}`];
  const after = told.ok
    ? { status: 'undone' as const, why: undoing.why }
    : { status: before.status, why: failed.filter((text) => text !== undefined).join('; ') };
  if (known !== undefined) Object.assign(known.state, after);
  const { verdict = '', outputs = {} } = before;
  run.transitions.push({ address, path: pathOfAddress(address), step, ...after, verdict, outputs });
}

/** The step at a path: of an iteration that has been forgotten nothing else is left. */
function stepAt(playbook: Playbook, path: string): Step | undefined {
  let lists = topBlocks(playbook).map(({ steps }) => steps);
  let found: Step | undefined;
  for (const id of path.split('/')) {
    found = lists.map((steps) => among(steps, id)).find((step) => step !== undefined);
    if (found === undefined) return undefined;
    const child = found.kind === 'playbook' ? playbook.children?.[found.playbook] : undefined;
    if (child !== undefined) lists = topBlocks(child).map(({ steps }) => steps);
    else if (found.kind === 'foreach' || found.kind === 'while') lists = [found.steps];
    else lists = [];
  }
  return found;
}

function among(steps: readonly Step[], id: string): Step | undefined {
  for (const step of steps) {
    if (step.id === id) return step;
    for (const { name, steps: within } of blocksOf(step)) {
      if ((step.kind === 'foreach' || step.kind === 'while') && name !== 'on-failure') continue;
      const found = among(within, id);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
