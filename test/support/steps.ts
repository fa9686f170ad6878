import type { Approval } from '../../domain/person.ts';
import type { ActionStep, Template } from '../../language/run/playbook.ts';

/** One responder, within a minute. */
export const oneResponder: Approval = {
  from: ['responders'],
  count: 1,
  withinMs: 60_000,
  otherwise: 'deny',
};

/** The input of a test's action on a namespace. */
export const at = (namespace: string): Template => ({ literal: { cluster: 'c1', namespace } });

/** The same in a `foreach`, on the namespace that is its item; with a prefix, on `<prefix><item>`. */
export function onItem(prefix = ''): Template {
  const namespace: Template =
    prefix === '' ? { cel: 'item' } : { concat: [{ literal: prefix }, { cel: 'item' }] };
  return { map: { cluster: { literal: 'c1' }, namespace } };
}

/** An action step that waits for none and is not undone, but for what `over` says. */
export function act(id: string, uses: string, where: Template, over: Partial<ActionStep> = {}): ActionStep {
  return { kind: 'action', id, uses, with: where, needs: [], undo: 'never', ...over };
}
