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

const CHOICES = ['radio_buttons', 'static_select'];

/** What an input holds: what the person gave, else what the app had put in; undefined when that is nothing. */
function held(element: JsonObject, given: unknown): JsonObject | undefined {
  const type = textOf(element['type']);
  if (isObject(given)) return { type, ...given };
  if (!CHOICES.includes(type)) {
    const value = textOf(given ?? element['initial_value']);
    return value === '' ? undefined : { type, value: entered(element, value) };
  }
  const { initial_option: initial } = element;
  const value = textOf(given ?? (isObject(initial) ? initial['value'] : undefined));
  if (value === '') return undefined;
  const option = objectsOf(element['options']).find((one) => one['value'] === value);
  if (!option) throw new Error(`no option ${value} is shown there`);
  return { type, selected_option: option };
}

/** Slack's client lets nobody send what the element does not take. */
function entered(element: JsonObject, value: string): string {
  if (element['type'] === 'number_input') {
    const decimals = element['is_decimal_allowed'] === true;
    if (!(decimals ? /^-?\d*\.?\d+$/ : /^-?\d+$/).test(value))
      throw new Error(`${value} cannot be entered there`);
    const { min_value: min = -Infinity, max_value: max = Infinity } = element;
    if (Number(value) < Number(min) || Number(value) > Number(max))
      throw new Error(`${value} is out of range there`);
  } else {
    const { min_length: min = 0, max_length: max = 3_000 } = element;
    if (value.length < Number(min) || value.length > Number(max))
      throw new Error('the text is too short or too long there');
  }
  return value;
}

/** `view.state.values` as a submission carries them: `value` of a text or number, `selected_option` of a choice, null when empty; see docs.slack.dev/reference/interaction-payloads/view-interactions-payload. */
export function stateValues(view: SlackView, given: Record<string, Record<string, unknown>>): JsonObject {
  const values: Record<string, JsonObject> = {};
  for (const block of view.blocks) {
    const element = block['element'];
    if (block['type'] !== 'input' || !isObject(element)) continue;
    const [blockId, actionId] = [textOf(block['block_id']), textOf(element['action_id'])];
    const value = given[blockId]?.[actionId];
    const type = textOf(element['type']);
    const state = held(element, value);
    // Slack's client does not submit a form with an empty required input.
    if (state === undefined && block['optional'] !== true) {
      throw new Error(`the input ${blockId}/${actionId} is required: give it in values`);
    }
    const empty = CHOICES.includes(type) ? { selected_option: null } : { value: null };
    values[blockId] = { [actionId]: state ?? { type, ...empty } };
  }
  for (const [blockId, actions] of Object.entries(given)) {
    for (const actionId of Object.keys(actions)) {
      if (values[blockId]?.[actionId] === undefined)
        throw new Error(`the view has no input ${blockId}/${actionId}`);
    }
  }
  return values;
}
