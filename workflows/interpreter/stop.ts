import type { Run } from './frame.ts';
import { nextPhase } from './sequence.ts';
import type { Stop } from './types.ts';
import { rootOf } from './walk.ts';

/** Stops a run, or stops it more strongly. One that has ended may still have something to undo, or `always` steps to run. */
export function stopRun(run: Run, stop: Stop): void {
  const { stop: before } = run.state;
  const merged: Stop =
    before === undefined
      ? { ...stop }
      : {
          why: stop.why,
          running: before.running === 'stop' ? 'stop' : stop.running,
          undo: before.undo || stop.undo,
          always: before.always || stop.always,
        };
  const { root, ended } = run.state;
  run.state.stop = merged;
  if (ended === undefined) return;
  if (nextPhase(rootOf(run)) === 'ended') {
    if (before === undefined) delete run.state.stop;
    else run.state.stop = before;
    return;
  }
  delete run.state.ended;
  root.phase = 'steps';
}
