import type { Run } from './frame.ts';
import type { Event } from './types.ts';

/** Writes down what the world tells; `advance` acts upon it. @throws RangeError for something that does not run */
export function take(run: Run, event: Event): void {
  const { undoing, applied } = run.state;
  if ('undone' in event) {
    if (undoing === undefined || undoing.address !== event.undone || undoing.told !== undefined)
      throw new RangeError(`${event.undone} is not being undone`);
    undoing.told = { ok: event.ok, ...(event.why === undefined ? {} : { why: event.why }) };
    return;
  }
  const { step: address, applied: stands, ...end } = event;
  const running = run.leaves.get(address);
  const leaf = running?.state.work?.leaf;
  if (running === undefined || leaf === undefined) throw new RangeError(`${address} does not run`);
  if (end.status === 'waiting' || end.status === 'running')
    throw new RangeError(`${address} has not ended: it is ${end.status}`);
  run.leaves.delete(address);
  leaf.end = end;
  if (running.step.kind !== 'action' || running.step.undo === 'never') return;
  const before = applied.findIndex((entry) => entry.address === address);
  if (before !== -1) applied.splice(before, 1);
  if (stands === true || before !== -1) applied.push({ address, status: end.status });
}
