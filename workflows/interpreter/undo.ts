import type { Run } from './frame.ts';

/**
 * Undoes what the leaves below a prefix applied, the newest first. Of the whole run one thing at a time.
 * @returns whether nothing of it is left to undo, or may be
 */
export function undoNext(run: Run, prefix: string, why: string | undefined, may: () => boolean): boolean {
  const { undoing, applied } = run.state;
  if (undoing !== undefined) return !undoing.address.startsWith(prefix) && !may();
  if (!may()) return true;
  const next = applied.findLast(({ address }) => address.startsWith(prefix));
  if (next === undefined) return true;
  run.state.undoing = { address: next.address, why: why ?? 'the playbook ended badly' };
  run.changes += 1;
  run.commands.push({ do: 'undo', ...run.state.undoing });
  return false;
}
