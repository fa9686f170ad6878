import { isDeepStrictEqual } from 'node:util';
import type { Faultfinder } from './block-rules.ts';
import type { JsonObject } from './types.ts';

type Check = (find: Faultfinder, element: JsonObject, pointer: string) => void;

/** docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object */
function confirm(find: Faultfinder, value: unknown, pointer: string): void {
  if (value === undefined || !find.object(value, pointer)) return;
  find.text(value['title'], `${pointer}/title`, 100, true);
  find.text(value['text'], `${pointer}/text`, 300);
  find.text(value['confirm'], `${pointer}/confirm`, 30, true);
  find.text(value['deny'], `${pointer}/deny`, 30, true);
  if (value['style'] !== undefined) find.oneOf(value['style'], ['primary', 'danger'], `${pointer}/style`);
}

/** docs.slack.dev/reference/block-kit/composition-objects/option-object */
function options(find: Faultfinder, value: unknown, pointer: string, max: number): void {
  if (!find.list(value, pointer, max)) return;
  for (const [index, option] of value.entries()) {
    const at = `${pointer}/${index}`;
    if (!find.object(option, at)) continue;
    find.text(option['text'], `${at}/text`, 75);
    find.string(option['value'], `${at}/value`, 150);
    find.optionalText(option['description'], `${at}/description`, 75);
  }
}

const select: Check = (find, element, at) => {
  find.optionalText(element['placeholder'], `${at}/placeholder`, 150, true);
};

/** "An option object that exactly matches one of the options": the pages of radio buttons and select menus. */
function initialOption(find: Faultfinder, element: JsonObject, at: string): void {
  const initial = element['initial_option'];
  if (initial === undefined || !find.object(initial, `${at}/initial_option`)) return;
  const shown = Array.isArray(element['options']) ? element['options'] : [];
  if (!shown.some((option) => isDeepStrictEqual(option, initial)))
    find.fault('must be one of the options', `${at}/initial_option`);
}

const staticSelect: Check = (find, element, at) => {
  select(find, element, at);
  initialOption(find, element, at);
  if (element['option_groups'] === undefined) options(find, element['options'], `${at}/options`, 100);
  else find.list(element['option_groups'], `${at}/option_groups`, 100);
};

const choices =
  (max: number): Check =>
  (find, element, at) => {
    initialOption(find, element, at);
    options(find, element['options'], `${at}/options`, max);
  };

/** docs.slack.dev/reference/block-kit/block-elements/button-element */
const button: Check = (find, element, at) => {
  find.text(element['text'], `${at}/text`, 75, true);
  find.optionalString(element['value'], `${at}/value`, 2_000);
  find.optionalString(element['url'], `${at}/url`, 3_000);
  find.optionalString(element['accessibility_label'], `${at}/accessibility_label`, 75);
  if (element['style'] !== undefined) find.oneOf(element['style'], ['primary', 'danger'], `${at}/style`);
};

const image: Check = (find, element, at) => {
  find.string(element['alt_text'], `${at}/alt_text`, 2_000, 1);
  if (element['slack_file'] === undefined) find.string(element['image_url'], `${at}/image_url`, 3_000, 1);
};

const picker: Check = (find, element, at) =>
  find.optionalText(element['placeholder'], `${at}/placeholder`, 150, true);

/** docs.slack.dev/reference/block-kit/block-elements/number-input-element: the numbers are strings. */
const numberInput: Check = (find, element, at) => {
  picker(find, element, at);
  if (typeof element['is_decimal_allowed'] !== 'boolean')
    find.fault('missing required field', `${at}/is_decimal_allowed`);
  for (const name of ['min_value', 'max_value', 'initial_value']) {
    const value = element[name];
    if (value !== undefined && (typeof value !== 'string' || !/^-?\d*\.?\d+$/.test(value)))
      find.fault('must be a number in a string', `${at}/${name}`);
  }
  if (Number(element['min_value']) > Number(element['max_value']))
    find.fault('must not be greater than max_value', `${at}/min_value`);
};

/** docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element */
const textInput: Check = (find, element, at) => {
  picker(find, element, at);
  const { min_length: min = 0, max_length: max = 3_000, initial_value: initial = '' } = element;
  if (typeof min !== 'number' || min < 0 || min > 3_000) find.fault('must be 0 to 3000', `${at}/min_length`);
  if (typeof max !== 'number' || max < 1 || max > 3_000) find.fault('must be 1 to 3000', `${at}/max_length`);
  if (Number(min) > Number(max)) find.fault('must not be greater than max_length', `${at}/min_length`);
  find.string(initial, `${at}/initial_value`, Number(max));
};

const CHECKS: Record<string, Check> = {
  button,
  image,
  checkboxes: choices(10),
  radio_buttons: choices(10),
  overflow: choices(5),
  static_select: staticSelect,
  multi_static_select: staticSelect,
  users_select: select,
  multi_users_select: select,
  conversations_select: select,
  multi_conversations_select: select,
  channels_select: select,
  multi_channels_select: select,
  external_select: select,
  multi_external_select: select,
  datepicker: picker,
  timepicker: picker,
  datetimepicker: () => undefined,
  number_input: numberInput,
  email_text_input: picker,
  url_text_input: picker,
  plain_text_input: textInput,
  rich_text_input: picker,
  file_input: () => undefined,
};

export const ACTION_ELEMENTS = [
  'button',
  'checkboxes',
  'radio_buttons',
  'overflow',
  'datepicker',
  'timepicker',
  'datetimepicker',
].concat(Object.keys(CHECKS).filter((type) => type.endsWith('_select')));
export const INPUT_ELEMENTS = Object.keys(CHECKS).filter(
  (type) => !['button', 'image', 'overflow'].includes(type),
);
export const ACCESSORIES = [...ACTION_ELEMENTS, 'image'];

/** Checks one element, which must be of one of the `allowed` types, and the confirmation that it may carry. */
export function checkElement(
  find: Faultfinder,
  element: unknown,
  pointer: string,
  allowed: readonly string[],
): void {
  if (!find.object(element, pointer)) return;
  const type = element['type'];
  const check = typeof type === 'string' && allowed.includes(type) ? CHECKS[type] : undefined;
  if (!check) return find.fault(`unsupported type: ${String(type)}`, `${pointer}/type`);
  find.optionalString(element['action_id'], `${pointer}/action_id`, 255, 1);
  check(find, element, pointer);
  confirm(find, element['confirm'], `${pointer}/confirm`);
}
