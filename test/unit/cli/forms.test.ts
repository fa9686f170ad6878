import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { gateDigest, type Gate } from '../../../domain/decision.ts';
import { asking, askingIncident, gate, open, view } from '../../support/asking-incident.ts';
import { active, firebreak, type Ran } from '../../support/cli.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

const form: Gate = {
  ...gate('each[2]/ask', 'answer'),
  authorities: [],
  question: 'Is it \u001b[2Jstill used?\nAPPROVED',
  form: {
    ticket: { type: 'string', title: 'Which ticket?' },
    pods: { type: 'integer', title: 'How many?', min: 1, max: 10, default: 3 },
    page: { type: 'boolean', title: 'Call somebody?' },
  },
};
const asked = askingIncident();
let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  gateway = await startTestGateway({ incidents: asked.incidents });
  url = await gateway.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => gateway.close());
beforeEach(() => {
  asked.shown = view({ gates: open(form) });
  asked.fake.decisions.length = 0;
  asked.commands.length = 0;
});

const run = (...args: string[]): Promise<Ran> =>
  firebreak(['--url', url, 'incident', ...args], { env: { FIREBREAK_TOKEN: gateway.tokens.ana } });

test('a question and its form are shown, with the command that answers it, and nothing acts on the terminal', async () => {
  const { stdout } = await run('show', asking);
  for (const part of [
    'fill in a form',
    'Is it ⟨U+001B⟩[2Jstill used?⏎APPROVED',
    'pods (a whole number from 1 to 10; else 3): How many?',
    'May answer  1 of responders',
    'the playbook does not go on from here',
    `firebreak incident answer ${asking} --gate 'each[2]/ask' --set ticket=… --set pods=… --set page=…`,
  ])
    expect(stdout.replaceAll(/\n {12}/g, ' ')).toContain(part);
  expect(stdout).not.toMatch(active);
});

test('an answer is typed by its field, completed with defaults, and sent for what was shown', async () => {
  const { code, stderr } = await run('answer', asking, '--set', 'ticket=12=x', '--set', 'page=true', '--yes');
  expect({ code, sent: asked.fake.decisions.length }).toEqual({ code: 0, sent: 1 });
  expect(stderr).toContain('Your answers: {"pods":3,"ticket":"12=x","page":true}');
  expect(asked.fake.decisions[0]?.signed.payload).toMatchObject({
    gate: form.id,
    digest: gateDigest(form),
    verdict: 'approve',
    answers: { ticket: '12=x', pods: 3, page: true },
  });
});

test.each([
  [['--set', 'ticket=a'], '--set page: is missing: give true or false'],
  [['--set', 'tiket=a'], '--set tiket: is not asked: did you mean "ticket"?'],
  [['--set', 'ticket=a', '--set', 'page=yes'], '--set page: does not fit: give true or false'],
  [['--set', 'ticket=a', '--set', 'page=true', '--set', 'pods=1.5'], '--set pods: does not fit'],
  [['--set', 'ticket=a', '--set', 'page=true', '--set', 'pods= 2'], '--set pods: does not fit'],
  [['--set', 'ticket=a', '--set', 'page=true', '--set', 'moon=1'], '--set moon: is not asked'],
  [['--set', 'ticket'], 'Write field=value.'],
  [['--set', 'ticket=a', '--set', 'ticket=b'], 'ticket is given twice'],
])('answers that do not fit are named before anything is sent: %j', async (args, said) => {
  const { code, stderr } = await run('answer', asking, ...args, '--yes');
  expect(code).toBe(2);
  expect(stderr).toContain(said);
  expect(asked.fake.decisions).toEqual([]);
});

test('a form is not approved, and what has no form is not answered', async () => {
  expect((await run('approve', asking, '--yes')).stderr).toContain('use firebreak incident answer');
  asked.shown = view({ gates: open(gate()) });
  expect((await run('answer', asking, '--yes')).stderr).toContain('use firebreak incident approve');
  expect(asked.fake.decisions).toEqual([]);
});

test('an answer needs a terminal or --yes', async () => {
  const { code, stderr } = await run('answer', asking, '--set', 'ticket=a', '--set', 'page=true');
  expect(code).toBe(2);
  expect(stderr).toContain('FB6107');
  expect(asked.fake.decisions).toEqual([]);
});

test('a cancel says what becomes of the playbook', async () => {
  const { code, stdout } = await run('cancel', asking, '--then', 'undo', '--reason', 'Wrong service');
  expect(code).toBe(0);
  expect(stdout).toContain('cancel (undo) is taken');
  expect(asked.commands[0]?.payload).toMatchObject({
    command: 'cancel',
    then: 'undo',
    reason: 'Wrong service',
  });
  expect((await run('cancel', asking, '--reason', 'x')).code).toBe(2);
  expect((await run('cancel', asking, '--then', 'explode', '--reason', 'x')).code).toBe(2);
  expect((await run('cancel', asking, '--then', 'stop')).code).toBe(2);
  expect(asked.commands).toHaveLength(1);
});

test('steps of every kind, what was undone or cancelled, what is left out, and what came of it', async () => {
  asked.shown = view({
    gates: [],
    steps: [
      { id: 'each', action: 'foreach', kind: 'foreach', status: 'done', notCovered: [] },
      { id: 'each[3]/deny', action: 'a.b', status: 'undone', why: 'a later step failed', notCovered: [] },
      { id: 'wait', action: 'wait', kind: 'wait', status: 'cancelled', notCovered: [] },
    ],
    stepsOmitted: 1_997,
    outputs: { hosts: ['a', '\u001b[2J'], count: 2 },
  });
  const { stdout } = await run('show', asking);
  for (const part of [
    'DONE       each  foreach',
    'UNDONE     each[3]/deny  a.b',
    'CANCELLED  wait  wait',
    'And 1997 steps of loops that ended well.',
    'count: 2',
  ])
    expect(stdout).toContain(part);
  expect(stdout).not.toMatch(active);
});
