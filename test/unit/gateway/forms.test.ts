import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { gateDigest, type Gate } from '../../../domain/decision.ts';
import { Refused } from '../../../gateway/temporal-port.ts';
import { asking, askingIncident, gate, open, view } from '../../support/asking-incident.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

const form: Gate = {
  ...gate('ask', 'answer'),
  authorities: [],
  question: 'Which?',
  form: {
    ticket: { type: 'string', title: 'Ticket' },
    pods: { type: 'integer', title: 'Pods', min: 1, max: 10 },
  },
};
const digest = gateDigest(form);
const asked = askingIncident();
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ incidents: asked.incidents });
});
afterAll(() => gateway.close());
beforeEach(() => {
  asked.shown = view({ gates: open(form, gate()) });
  asked.fake.reject = undefined;
  asked.fake.decisions.length = 0;
  asked.commands.length = 0;
});

const post = (what: 'decisions' | 'commands', payload: object) =>
  gateway.app.inject({
    method: 'POST',
    url: `/v1/incidents/${asking}/${what}`,
    headers: { authorization: `Bearer ${gateway.tokens.ana}` },
    payload,
  });
const answer = (answers: object, more: object = {}) =>
  post('decisions', { gate: 'ask', digest, verdict: 'approve', answers, ...more });

describe('answers', () => {
  test('are signed in full; other answers of the same person are another decision', async () => {
    expect((await answer({ ticket: 'INC-1', pods: 2 })).statusCode).toBe(200);
    expect((await answer({ pods: 2, ticket: 'INC-1' })).statusCode).toBe(200);
    expect((await answer({ ticket: 'INC-2', pods: 2 })).statusCode).toBe(200);
    const [first, same, other] = asked.fake.decisions;
    expect(first?.signed.payload).toMatchObject({
      verdict: 'approve',
      answers: { ticket: 'INC-1', pods: 2 },
    });
    expect(same?.updateId).toBe(first?.updateId);
    expect(other?.updateId).not.toBe(first?.updateId);
  });

  test.each([
    [{ ticket: 'INC-1' }, 'answers.pods is missing: give a whole number from 1 to 10'],
    [{ ticket: 'INC-1', pods: 11 }, 'answers.pods does not fit: give a whole number from 1 to 10'],
    [{ ticket: 'INC-1', pods: '2' }, 'answers.pods does not fit: give a whole number from 1 to 10'],
    [{ ticket: '', pods: 2 }, 'answers.ticket does not fit: give a text of 1 to 2000 characters'],
    [{ ticket: 'a', pods: 2, more: true }, 'answers.more is not asked: leave it out; asked: ticket, pods'],
  ])('that do not fit are refused, with field and fix: %j', async (answers, detail) => {
    expect((await answer(answers)).json()).toMatchObject({ status: 422, code: 'FB1504', detail });
    expect(asked.fake.decisions).toEqual([]);
    const [last] = (await gateway.state.accessLog.read()).slice(-1);
    expect(last).toMatchObject({ outcome: 'refused', kind: 'decision', code: 'FB1504', incident: asking });
  });

  test('that are too long together are refused by the field that is too much, before anything is signed', async () => {
    const fields = Array.from({ length: 20 }, (_, at) => `f${at}`);
    const long: Gate = {
      ...form,
      form: Object.fromEntries(fields.map((title) => [title, { type: 'string', title } as const])),
    };
    asked.shown = view({ gates: open(long) });
    const filled = (text: string) => Object.fromEntries(fields.map((field) => [field, text.repeat(2_000)]));
    const bound = { digest: gateDigest(long) };
    expect((await answer(filled('"'), bound)).json()).toMatchObject({
      status: 422,
      code: 'FB1504',
      detail: expect.stringMatching(/^answers\.f12 makes the form too long: shorten it;.* 50000 /),
    });
    expect(asked.fake.decisions).toEqual([]);
    expect((await answer(filled('a'), bound)).statusCode).toBe(200);
  });

  test.each<[string, object, number, string]>([
    ['with a denial', { verdict: 'deny', reason: 'no' }, 422, 'FB1007'],
    ['to a question without a form', { gate: 'quarantine', digest: gateDigest(gate()) }, 422, 'FB1504'],
    ['to a question that is not open', { gate: 'gone' }, 409, 'FB4003'],
    ['to another question than was shown', { digest: gateDigest(gate()) }, 409, 'FB4004'],
    ['that are no values', { answers: { ticket: null } }, 422, 'FB1007'],
  ])('%s are refused', async (_what, more, status, code) => {
    expect((await answer({ ticket: 'a', pods: 2 }, more)).json()).toMatchObject({ status, code });
    expect(asked.fake.decisions).toEqual([]);
  });

  test('that the incident refuses are the caller’s to correct', async () => {
    asked.fake.reject = new Refused('fill in the form: set `answers`', 'FB4020');
    const response = await post('decisions', { gate: 'ask', digest, verdict: 'approve' });
    expect(response.json()).toMatchObject({ status: 422, code: 'FB4020' });
  });
});

describe('a cancel', () => {
  test.each(['stop', 'undo', 'hold'])('says what becomes of the playbook: %s', async (then) => {
    const response = await post('commands', { command: 'cancel', then, reason: 'False alarm' });
    expect(response.statusCode).toBe(200);
    expect(asked.commands.at(-1)?.payload).toMatchObject({
      command: 'cancel',
      then,
      person: 'ana',
      via: 'api',
    });
    const [last] = (await gateway.state.accessLog.read()).slice(-1);
    expect(last?.detail).toMatchObject({ command: 'cancel', then });
  });

  test.each([
    [{ command: 'cancel', reason: 'x' }, 'then'],
    [{ command: 'cancel', then: 'explode', reason: 'x' }, 'then: must be one of stop, undo, hold'],
    [{ command: 'cancel', then: 'stop' }, 'reason'],
    [{ command: 'cancel', then: 'stop', reason: '' }, 'reason'],
    [{ command: 'release', then: 'stop', reason: 'x' }, 'then'],
    [{ command: 'explode', reason: 'x' }, 'command'],
  ])('with anything missing or too much is refused, and the field named: %j', async (body, field) => {
    const response = await post('commands', body);
    expect(response.json()).toMatchObject({ status: 422, code: 'FB1007' });
    expect(response.json<{ detail: string }>().detail).toContain(field);
    expect(asked.commands).toEqual([]);
  });

  test('of a playbook that has ended is refused by the incident', async () => {
    asked.fake.reject = new Refused('the playbook has ended: there is nothing to cancel', 'FB4022');
    const response = await post('commands', { command: 'cancel', then: 'stop', reason: 'x' });
    expect(response.json()).toMatchObject({ status: 409, code: 'FB4022' });
  });

  test('other commands say nothing of it', async () => {
    await post('commands', { command: 'release', reason: 'done' });
    expect(asked.commands.at(-1)?.payload).not.toHaveProperty('then');
  });
});

test('the description has the cancel and the answers', async () => {
  const { paths } = (await gateway.app.inject('/v1/openapi.json')).json<{ paths: Record<string, object> }>();
  const text = JSON.stringify([paths['/v1/incidents/{id}/commands'], paths['/v1/incidents/{id}/decisions']]);
  for (const part of ['"stop"', '"undo"', '"hold"', '"answers"']) expect(text).toContain(part);
});
