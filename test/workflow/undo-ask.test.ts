import { describe, expect, test } from '@jest/globals';
import type { Action } from '../../domain/action.ts';
import type { ActionStep, Step } from '../../language/run/playbook.ts';
import type { OpenIncident } from '../support/engine.ts';
import {
  act,
  actions as ordinary,
  engine,
  fresh,
  startEngine,
  status,
  world,
} from '../support/language-bench.ts';
import { waitFor } from '../../testbed/process.ts';
import { checkLedger } from '../support/ledger-check.ts';

/** Its undo brings back what the change was made against. */
const restoring: Action = {
  ...world.action('test.restore'),
  effect: 'reversible',
  holds: false,
  undoApproval: 'own',
};
const actions = [...ordinary, restoring];
startEngine(actions);

const fails: Step = { kind: 'fail', id: 'stop', message: { literal: 'the check failed' }, needs: ['change'] };
const opened = (place: string, over: Partial<ActionStep>, rest: { continueAfter?: number } = {}) =>
  engine.open({
    actions,
    namespace: place,
    playbook: { steps: [act('change', 'test.restore', place, over), fails] },
    ...rest,
  });
/** Until the undo is asked about; `change` stands. */
const asked = async (incident: OpenIncident, place: string): Promise<void> => {
  await incident.decide('ada', { gate: 'change' });
  const view = await incident.until(({ gates }) => gates.some(({ gate }) => gate.purpose === 'undo'));
  const [open] = view.gates;
  expect(open?.gate).toMatchObject({ id: 'change/undo', purpose: 'undo' });
  expect(open?.consequences.ifDenied).toEqual(['It stays as it was applied.']);
  expect(world.on.has(place)).toBe(true);
};

describe('an undo that is asked about', () => {
  test('after a failure it waits for its own approval, and happens under it', async () => {
    const place = fresh();
    const incident = await opened(place, { undo: 'ask' });
    await asked(incident, place);
    await incident.decide('ben', { gate: 'change/undo' });
    expect(await incident.handle.result()).toBe('failed');
    expect(world.on.has(place)).toBe(false);
    expect(status(await incident.view(), 'change')).toBe('undone');
    await checkLedger(engine, incident);
  });

  test('denied: what was applied stays, and is said to', async () => {
    const place = fresh();
    const incident = await opened(place, { undo: 'ask' });
    await asked(incident, place);
    await incident.decide('ben', {
      gate: 'change/undo',
      verdict: 'deny',
      reason: 'the old image is suspect',
    });
    expect(await incident.handle.result()).toBe('failed');
    expect(world.on.has(place)).toBe(true);
    const step = (await incident.view()).steps.find(({ id }) => id === 'change');
    expect(step).toMatchObject({ status: 'done' });
    expect(step?.why).toMatch(/Ben denied it: the old image is suspect/);
    await checkLedger(engine, incident);
  });

  test('unanswered: it stays, and the incident ends', async () => {
    const place = fresh();
    const approve = { from: ['responders'], count: 1, withinMs: 2_000, otherwise: 'deny' as const };
    const incident = await opened(place, { undo: 'ask', approve });
    await asked(incident, place);
    expect(await incident.handle.result()).toBe('failed');
    expect(world.on.has(place)).toBe(true);
  });

  test('the worker refuses an undo under the approval of the change, whatever the history says', async () => {
    const place = fresh();
    // The compiler lets no playbook say so; a history can.
    const incident = await opened(place, { undo: 'on-failure' });
    await incident.decide('ada', { gate: 'change' });
    expect(await incident.handle.result()).toBe('failed');
    expect(world.on.has(place)).toBe(true);
    const step = (await incident.view()).steps.find(({ id }) => id === 'change');
    expect(step?.why).toMatch(/a gate to change does not authorise undo/);
  });

  test('a cancel with undo asks as well; one with stop closes the question', async () => {
    const [first, second] = [fresh(), fresh()];
    const waits: Step = { kind: 'wait', id: 'stop', forMs: 3_600_000, needs: ['change'] };
    for (const place of [first, second]) {
      const incident = await engine.open({
        actions,
        namespace: place,
        playbook: { steps: [act('change', 'test.restore', place, { undo: 'ask' }), waits] },
      });
      await incident.decide('ada', { gate: 'change' });
      await incident.until((view) => status(view, 'stop') === 'running');
      await incident.command('ben', 'cancel', 'enough', 'undo');
      await incident.until(({ gates }) => gates.some(({ gate }) => gate.purpose === 'undo'));
      if (place === first) await incident.decide('ben', { gate: 'change/undo' });
      else await incident.command('ben', 'cancel', 'leave it', 'stop');
      expect(await incident.handle.result()).toBe('cancelled');
      expect(world.on.has(place)).toBe(place === second);
      await checkLedger(engine, incident);
    }
  });

  test('in a run that has grown long the next one goes on waiting for the answer', async () => {
    const place = fresh();
    const incident = await opened(place, { undo: 'ask' }, { continueAfter: 40 });
    await asked(incident, place);
    const query = `WorkflowId = '${incident.workflowId}' AND ExecutionStatus = 'ContinuedAsNew'`;
    await waitFor('a next run', async () => (await engine.client.workflow.count(query)).count > 0);
    await incident.decide('ben', { gate: 'change/undo' });
    expect(await incident.handle.result()).toBe('failed');
    expect(world.on.has(place)).toBe(false);
    expect((await incident.view()).gates).toEqual([]);
  });
});
