import { expect, test } from '@jest/globals';
import { checkView } from '../../../testbed/slack/blocks.ts';
import { stateValues } from '../../../testbed/slack/views.ts';
import type { JsonObject } from '../../../testbed/slack/types.ts';

const plain = (text: string) => ({ type: 'plain_text', text });
const options = ['eu', 'us'].map((value) => ({ text: plain(value), value }));
const block = (element: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'input',
  block_id: 'b',
  label: plain('L'),
  element: { action_id: 'a', ...element },
  ...more,
});
const faults = (element: JsonObject) =>
  checkView({ type: 'modal', title: plain('T'), submit: plain('S'), blocks: [block(element)] });
const entered = (element: JsonObject, value?: unknown, more?: JsonObject) =>
  stateValues({ id: 'V1', blocks: [block(element, more)] }, value === undefined ? {} : { b: { a: value } });

test.each<[JsonObject, string]>([
  [{ type: 'number_input' }, 'is_decimal_allowed'],
  [{ type: 'number_input', is_decimal_allowed: true, min_value: 1 }, 'min_value'],
  [{ type: 'number_input', is_decimal_allowed: true, initial_value: '1e9' }, 'initial_value'],
  [{ type: 'number_input', is_decimal_allowed: false, min_value: '2', max_value: '1' }, 'min_value'],
  [{ type: 'plain_text_input', max_length: 3_001 }, 'max_length'],
  [{ type: 'plain_text_input', min_length: 5, max_length: 4 }, 'min_length'],
  [{ type: 'plain_text_input', max_length: 2, initial_value: 'abc' }, 'initial_value'],
  [{ type: 'static_select', options, initial_option: { text: plain('EU'), value: 'eu' } }, 'initial_option'],
  [{ type: 'radio_buttons', options, initial_option: { text: plain('de'), value: 'de' } }, 'initial_option'],
])('Slack refuses %j', (element, where) => {
  expect(faults(element)).toEqual([expect.stringContaining(`/element/${where}]`)]);
});

test('a submission carries what was entered, else what the app had put in', () => {
  const number = { type: 'number_input', is_decimal_allowed: false, min_value: '1', max_value: '9' };
  expect(entered(number, '3')).toEqual({ b: { a: { type: 'number_input', value: '3' } } });
  expect(entered({ ...number, initial_value: '4' })).toEqual({
    b: { a: { type: 'number_input', value: '4' } },
  });
  expect(() => entered(number, '1.5')).toThrow('cannot be entered');
  expect(() => entered(number, '10')).toThrow('out of range');
  expect(() => entered(number)).toThrow('is required');
  const select = { type: 'static_select', options };
  expect(entered(select, 'us')).toEqual({ b: { a: { type: 'static_select', selected_option: options[1] } } });
  expect(entered({ ...select, initial_option: options[0] })).toEqual({
    b: { a: { type: 'static_select', selected_option: options[0] } },
  });
  expect(() => entered(select, 'de')).toThrow('no option de');
  expect(entered(select, undefined, { optional: true })).toEqual({
    b: { a: { type: 'static_select', selected_option: null } },
  });
  const text = { type: 'plain_text_input', min_length: 2 };
  expect(entered(text, undefined, { optional: true })).toEqual({
    b: { a: { type: 'plain_text_input', value: null } },
  });
  expect(() => entered(text, 'x')).toThrow('too short');
});
