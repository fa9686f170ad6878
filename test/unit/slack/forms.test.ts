import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { gateDigest, type FormField, type Gate } from '../../../domain/decision.ts';
import type { Form } from '../../../domain/form.ts';
import { Refused } from '../../../gateway/temporal-port.ts';
import { fillInView, readAnswers } from '../../../gateway/slack/fill-in.ts';
import { checkView } from '../../../testbed/slack/blocks.ts';
import { open, view } from '../../support/asking-incident.ts';
import { attempt } from './attempt.ts';
import { startHouse, type House } from './house.ts';
import { incident, notice } from './notices.ts';

const form: Form = {
  ticket: { type: 'string', title: 'Which *ticket* <!here>?', max: 20 },
  note: { type: 'string', title: 'Anything else?', min: 0 },
  region: { type: 'string', title: 'Where?', oneOf: ['eu-west', 'us-east'], default: 'us-east' },
  pods: { type: 'integer', title: 'How many pods?', min: 1, max: 10, default: 2 },
  share: { type: 'number', title: 'What share?' },
  page: { type: 'boolean', title: 'Call somebody?' },
};
const gate: Gate = {
  ...notice.gate,
  id: 'ask',
  purpose: 'answer',
  question: 'What do we know?',
  form,
  approval: { from: ['responders'], count: 1, withinMs: 300_000, otherwise: 'deny' },
};
const asked = { ...notice, gate, digest: gateDigest(gate) };

let house: House;
let ts: string;

beforeAll(async () => {
  house = await startHouse({ channels: [{ name: 'incidents' }] });
});
afterAll(() => house.stop());
beforeEach(async () => {
  house.decisions.clear();
  house.commands.clear();
  house.access.length = 0;
  house.calls = 0;
  house.refuse.with = undefined;
  house.view = view({ incident, gates: open(gate) });
  for (const { id } of house.slack.views('bob')) await house.slack.closeView({ user: 'bob', viewId: id });
  const channel = house.slack.channels['incidents'] ?? '';
  ts = (await attempt(1, house.activities['slack.ask'], { channel, notice: asked }))?.ts ?? '';
});

const press = (button: string) =>
  house.slack.click({ user: 'bob', channel: 'incidents', ts, actionId: `firebreak.${button}` });
async function window() {
  await press('fill-in');
  return house.slack.waitForView('bob');
}
const filled = (more: Record<string, unknown> = {}) => ({
  user: 'bob',
  values: Object.fromEntries(
    Object.entries({ ticket: 'INC-1', share: '0.25', page: 'false', ...more }).map(([name, value]) => [
      `field.${name}`,
      { value },
    ]),
  ),
});
async function told(): Promise<string> {
  const id = house.slack.users['bob']?.id ?? '';
  const deadline = Date.now() + 8_000;
  while (house.slack.ephemeral(id).length === before) {
    if (Date.now() > deadline) throw new Error('bob was not told anything');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return house.slack.ephemeral(id).at(-1)?.text ?? '';
}
let before = 0;
beforeEach(() => {
  before = house.slack.ephemeral(house.slack.users['bob']?.id ?? '').length;
});

test('a form asks for each field by its type, and what is sent is signed with every field', async () => {
  const shown = await window();
  const inputs = shown.blocks.filter(({ type }) => type === 'input');
  expect(inputs.map(({ element }) => (element as { type: string }).type)).toEqual([
    'plain_text_input',
    'plain_text_input',
    'static_select',
    'number_input',
    'number_input',
    'radio_buttons',
  ]);
  expect(JSON.stringify(shown)).not.toContain('mrkdwn');
  const { outcome } = await house.slack.submitView(filled());
  expect(outcome).toBe('closed');
  expect(await told()).toBe('Your answer is recorded.');
  const [[id, decision] = []] = [...house.decisions];
  expect(decision).toMatchObject({
    gate: 'ask',
    digest: asked.digest,
    verdict: 'approve',
    person: 'bob',
    answers: { ticket: 'INC-1', note: '', region: 'us-east', pods: 2, share: 0.25, page: false },
  });
  expect(id).toMatch(/^ask\/bob\/approve\/sha256:[0-9a-f]{64}\/T\w+:U\w+$/);
  expect(house.access).toMatchObject([{ outcome: 'accepted', kind: 'decision' }]);
});

test('an answer that does not fit is named beside its field, and nothing is sent', async () => {
  await window();
  const wrong = { ...filled(), values: { ...filled().values, 'field.pods': { value: { value: '99' } } } };
  const { outcome, errors } = await house.slack.submitView(wrong);
  expect(outcome).toBe('errors');
  expect(Object.keys(errors)).toEqual(['field.pods']);
  expect(errors['field.pods']).toContain('give a whole number from 1 to 10. (FB1504)');
  expect(house.calls).toBe(0);
  const again = await house.slack.submitView(filled({ pods: '3' }));
  expect(again.outcome).toBe('closed');
  expect([...house.decisions.values()][0]?.answers).toMatchObject({ pods: 3 });
});

test("the incident's refusal is shown in the window", async () => {
  await window();
  house.refuse.with = new Refused('only responders may decide on this', 'FB4008');
  const { outcome, errors } = await house.slack.submitView(filled());
  expect({ outcome, errors }).toEqual({
    outcome: 'errors',
    errors: { 'field.ticket': 'Your answer was refused: only responders may decide on this. (FB4008)' },
  });
});

test.each([
  ['closed', () => void (house.view = view({ incident, gates: [] })), 'FB4003'],
  [
    'replaced',
    () => void (house.view = view({ incident, gates: open({ ...gate, question: 'Other?' }) })),
    'FB4004',
  ],
  ['of a successor', () => void (house.view = view({ gates: open(gate) })), 'FB4003'],
])('a question that is %s opens no form', async (_how, change, code) => {
  change();
  await press('fill-in');
  expect(await told()).toContain(`(${code})`);
  expect(house.slack.views('bob')).toEqual([]);
});

test('a question that was replaced while somebody wrote takes no answer', async () => {
  await window();
  house.view = view({ incident, gates: open({ ...gate, question: 'Other?' }) });
  const { errors } = await house.slack.submitView(filled());
  expect(errors['field.ticket']).toContain('(FB4004)');
  expect(house.calls).toBe(0);
});

const many = (count: number, field: FormField) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, field]));

test('any form makes a window that Slack takes, or says that it is too large', () => {
  const bound = { i: incident, g: 'ask', d: asked.digest, channel: 'C012AB3CD' };
  const faultsOf = (fields: Form) => checkView({ ...fillInView(bound, { ...gate, form: fields }) });
  const text: FormField = { type: 'string', title: 'T' };
  for (const field of [
    text,
    { ...text, title: 'x'.repeat(3_000), default: 'x'.repeat(2_000) },
    { ...text, title: '', default: 'x'.repeat(5_000) },
    { ...text, oneOf: ['a', ''] },
    { ...text, oneOf: ['a', 'a\nb'] },
    { ...text, oneOf: Array.from({ length: 500 }, (_, index) => `choice ${index}`) },
    { ...text, oneOf: ['x'.repeat(76)], default: 'x'.repeat(76) },
    { ...text, oneOf: ['a', 'b'], default: 'c' },
    { ...text, min: 0, max: 3_000 },
    { type: 'boolean', title: 'B', default: true },
    { type: 'boolean', title: 'B', default: 'yes' },
    { type: 'integer', title: 'N', min: -5, max: 5, default: 0 },
    { type: 'number', title: 'N', min: 1e-9, max: 1e30, default: 1e21 },
    { type: 'number', title: 'N', min: -0.5, default: 'x' },
  ] satisfies FormField[])
    expect({ field, faults: faultsOf(many(2, field)) }).toEqual({ field, faults: [] });
  expect(faultsOf(many(98, text))).toEqual([]);
  expect(() => faultsOf(many(99, text))).toThrow('FB1320');
  expect(() => faultsOf({ x: { ...text, max: 3_001 } })).toThrow('FB1320');
});

test.each([
  ['', ''],
  ['0x10', '0x10'],
  [' 1', ' 1'],
  ['1e3', '1e3'],
  ['-3', -3],
  ['.5', 0.5],
])('%j is read as the number it says, or left for the check', (value, read) => {
  const fields: Form = { n: { type: 'number', title: 'N' } };
  expect(readAnswers(fields, { 'field.n': { value: { value } } })).toEqual({ n: read });
});

test('a playbook is cancelled with what becomes of it, and why', async () => {
  await press('cancel');
  const shown = await house.slack.waitForView('bob');
  expect(checkView(shown)).toEqual([]);
  await expect(
    house.slack.submitView({ user: 'bob', values: { reason: { text: 'False alarm' } } }),
  ).rejects.toThrow('what/choice is required');
  const { outcome } = await house.slack.submitView({
    user: 'bob',
    values: { what: { choice: 'undo' }, reason: { text: 'False alarm' } },
  });
  expect(outcome).toBe('closed');
  expect(await told()).toBe('Your cancellation is recorded.');
  expect([...house.commands.values()]).toMatchObject([
    { incident, command: 'cancel', then: 'undo', person: 'bob', reason: 'False alarm', via: 'slack' },
  ]);
});

test('a cancellation that is refused stays on the screen', async () => {
  await press('cancel');
  await house.slack.waitForView('bob');
  house.refuse.with = new Refused('the playbook has ended: there is nothing to cancel', 'FB4022');
  const { outcome, errors } = await house.slack.submitView({
    user: 'bob',
    values: { what: { choice: 'stop' }, reason: { text: 'x' } },
  });
  expect(outcome).toBe('errors');
  expect(errors['reason']).toContain('nothing to cancel. (FB4022)');
});
