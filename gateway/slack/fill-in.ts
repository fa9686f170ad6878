import type { InputBlock, ModalView, PlainTextOption } from '@slack/web-api';
import type { FormField, Gate } from '../../domain/decision.ts';
import { fieldProblem, maxAnswerLength, wanted, type Form } from '../../domain/form.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { Problem } from '../problem.ts';
import { forms } from './forms.ts';
import type { GateForm, StateValues } from './payloads.ts';
import { modal, plain, said } from './view.ts';

/** Slack takes 100 blocks in a window; two are the question's. A block's id has at most 255 characters. */
const most = { fields: 98, name: 200, options: 100, option: 75, typed: 3_000 };
/** A field's block: no field can pass for another part of the window. */
const prefix = 'field.';

/** A window that asks for each field by its type. @throws Problem FB1320 for a form that Slack cannot show */
export function fillInView(bound: GateForm, { question, form = {} }: Gate): ModalView {
  const fields = Object.entries(form);
  const tooLong = fields.some(
    ([name, { type, max = 0 }]) => name.length > most.name || (type === 'string' && max > most.typed),
  );
  if (fields.length > most.fields || tooLong) {
    throw new Problem(
      422,
      'FB1320',
      `this form is larger than Slack can show: use firebreak incident answer ${bound.i}`,
    );
  }
  return modal(forms.fillIn, bound, { title: 'Fill in', submit: 'Send' }, [
    said(question ?? bound.g, 2_000),
    said(`Incident ${bound.i}, gate ${bound.g}. Your answers are recorded under your name.`, 400),
    ...fields.map(([name, field]) => input(name, field)),
  ]);
}

/** Where an error about a field is shown. */
export function blockOf(field: string): string {
  return `${prefix}${field}`;
}

/** What was filled in, each field as the element that asked for it gives it; what is not of its type is left for the check. */
export function readAnswers(form: Form, values: StateValues): JsonObject {
  return Object.fromEntries(
    Object.entries(form).flatMap(([name, field]): [string, Json][] => {
      const given = Object.hasOwn(values, blockOf(name)) ? values[blockOf(name)]?.['value'] : undefined;
      const text = given?.selected_option?.value ?? given?.value;
      // Slack sends null for a text that may be left empty, and was.
      if (text === undefined || text === null) return field.type === 'string' ? [[name, '']] : [];
      return [[name, typed(field, text)]];
    }),
  );
}

function typed({ type }: FormField, text: string): Json {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  // Not what Number would take besides: '', ' 1', '0x10'.
  return /^-?(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) ? Number(text) : text;
}

function input(name: string, field: FormField): InputBlock {
  return {
    type: 'input',
    block_id: blockOf(name),
    label: plain(field.title, 300),
    hint: plain(`${name}: ${wanted(field)}`, 500),
    optional: field.type === 'string' && field.oneOf === undefined && field.min === 0,
    element: element(field),
  };
}

function element(field: FormField): InputBlock['element'] {
  const { type, min, max } = field;
  const action_id = 'value';
  const preset = field.default !== undefined && fieldProblem(field, field.default) === undefined;
  const initial = preset ? textOf(field.default) : '';
  const initial_value = initial === '' ? {} : { initial_value: initial };
  if (type === 'boolean') {
    const options = [option('Yes', 'true'), option('No', 'false')];
    return { type: 'radio_buttons', action_id, options, ...chosen(options, initial) };
  }
  if (type === 'string') {
    if (field.oneOf !== undefined && selectable(field.oneOf)) {
      const options = field.oneOf.map((choice) => option(choice, choice));
      return { type: 'static_select', action_id, options, ...chosen(options, initial) };
    }
    // A choice that could not be shown as it is must be typed.
    const lengths =
      field.oneOf === undefined ? { min_length: min ?? 1, max_length: max ?? maxAnswerLength } : {};
    return { type: 'plain_text_input', action_id, multiline: (max ?? 0) > 200, ...lengths, ...initial_value };
  }
  return {
    type: 'number_input',
    action_id,
    is_decimal_allowed: type === 'number',
    ...decimal('min_value', min),
    ...decimal('max_value', max),
    ...decimal('initial_value', preset ? Number(field.default) : undefined),
  };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

/** Slack reads digits, not `1e-7`: such a bound is left to the check. */
function decimal(name: string, value: number | undefined): { [name: string]: string } {
  const text = String(value ?? 'e');
  return text.includes('e') ? {} : { [name]: text };
}

function selectable(choices: readonly string[]): boolean {
  const shown = choices.every((choice) => choice !== '' && oneLine(choice, most.option) === choice);
  return shown && choices.length >= 1 && choices.length <= most.options;
}

const option = (text: string, value: string): PlainTextOption => ({ text: plain(text, most.option), value });

function chosen(options: PlainTextOption[], value: string): { initial_option?: PlainTextOption } {
  const found = options.find((one) => one.value === value);
  return found === undefined ? {} : { initial_option: found };
}
