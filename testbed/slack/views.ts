import { objectsOf, isObject, textOf } from './types.ts';
import type { JsonObject, SlackView } from './types.ts';

interface OpenView {
  userId: string;
  view: SlackView;
}

/** The modals on people's screens; the emulator stores views but cannot be asked which are open. */
export class Views {
  /** Insertion order is stacking order: a user's last one is on top. */
  readonly #open = new Map<string, OpenView>();

  show(userId: string, raw: unknown): SlackView {
    if (!isObject(raw)) throw new Error('the Slack emulator answered without a view');
    const view = { ...raw, id: textOf(raw['id']), blocks: objectsOf(raw['blocks']) };
    this.#open.set(view.id, { userId, view });
    return view;
  }

  /** The same view with new content, at its place in the stack. Does nothing when its user has closed it. */
  replace(raw: unknown): void {
    const open = isObject(raw) ? this.#open.get(textOf(raw['id'])) : undefined;
    if (open) this.show(open.userId, raw);
  }

  ofUser(userId: string): SlackView[] {
    return [...this.#open.values()].filter((open) => open.userId === userId).map(({ view }) => view);
  }

  top(userId: string, viewId?: string): SlackView {
    const found = this.ofUser(userId).findLast((view) => viewId === undefined || view.id === viewId);
    if (!found) throw new Error(`no such view is open for ${userId}: the app must call views.open first`);
    return found;
  }

  close(viewId: string): void {
    this.#open.delete(viewId);
  }

  clear(userId: string): void {
    for (const view of this.ofUser(userId)) this.close(view.id);
  }
}

/** `view.state.values` as a submission carries them; see docs.slack.dev/reference/interaction-payloads/view-interactions-payload. */
export function stateValues(view: SlackView, given: Record<string, Record<string, unknown>>): JsonObject {
  const values: Record<string, JsonObject> = {};
  for (const block of view.blocks) {
    const element = block['element'];
    if (block['type'] !== 'input' || !isObject(element)) continue;
    const [blockId, actionId] = [textOf(block['block_id']), textOf(element['action_id'])];
    const value = given[blockId]?.[actionId];
    // Slack's client does not submit a form with an empty required input.
    if ((value === undefined || value === '') && block['optional'] !== true) {
      throw new Error(`the input ${blockId}/${actionId} is required: give it in values`);
    }
    const type = element['type'];
    values[blockId] = { [actionId]: isObject(value) ? { type, ...value } : { type, value: value ?? null } };
  }
  for (const [blockId, actions] of Object.entries(given)) {
    for (const actionId of Object.keys(actions)) {
      if (values[blockId]?.[actionId] === undefined)
        throw new Error(`the view has no input ${blockId}/${actionId}`);
    }
  }
  return values;
}
