import { describe, expect, test } from '@jest/globals';
import type { Step } from '../../language/run/playbook.ts';
import type { OpenIncident } from '../support/engine.ts';
import { act, actions, engine, fresh, open, startEngine, status, world } from '../support/language-bench.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { act as actionStep, onItem } from '../support/steps.ts';

startEngine();

const contained = (held: string, changed: string): Step[] => [
  act('contain', 'test.contain', held),
  act('change', 'test.change', changed, { undo: 'on-failure', needs: ['contain'] }),
  { kind: 'wait', id: 'pause', forMs: 3_600_000, needs: ['change'] },
  act('later', 'test.change', changed, { needs: ['pause'] }),
];

const waiting = async (held: string, changed: string): Promise<OpenIncident> => {
  const incident = await open(held, contained(held, changed));
  await incident.decide('ada', { gate: 'contain' });
  await incident.decide('ada', { gate: 'change' });
  await incident.until((view) => status(view, 'pause') === 'running');
  return incident;
};

describe('cancel', () => {
  test('stop: nothing more begins, what was applied stays, what is contained is held', async () => {
    const [held, changed] = [fresh(), fresh()];
    const incident = await waiting(held, changed);
    await incident.command('ada', 'cancel', 'enough', 'stop');
    const view = await incident.until((now) => now.status === 'holding');
    expect(status(view, 'later')).toBe('skipped');
    expect([world.on.has(held), world.on.has(changed)]).toEqual([true, true]);
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    await checkLedger(engine, incident);
  });

  test('undo: reversible changes are undone, and the release is asked for', async () => {
    const [held, changed] = [fresh(), fresh()];
    const incident = await waiting(held, changed);
    await incident.command('ada', 'cancel', 'enough', 'undo');
    await incident.decide('ben', { gate: 'release' });
    expect(await incident.handle.result()).toBe('released');
    expect([world.on.has(held), world.on.has(changed)]).toEqual([false, false]);
    await checkLedger(engine, incident);
  });

  test('hold: it stays open, reversible changes too, until somebody says what becomes of it', async () => {
    const [changed] = [fresh()];
    const incident = await open(changed, [
      act('change', 'test.change', changed, { undo: 'on-failure' }),
      { kind: 'wait', id: 'pause', forMs: 3_600_000, needs: ['change'] },
    ]);
    await incident.decide('ada', { gate: 'change' });
    await incident.until((view) => status(view, 'pause') === 'running');
    await incident.command('ada', 'cancel', 'wait for the lead', 'hold');
    await incident.until((view) => status(view, 'pause') === 'cancelled');
    expect(world.on.has(changed)).toBe(true);
    await incident.command('ben', 'cancel', 'undo it', 'undo');
    expect(await incident.handle.result()).toBe('cancelled');
    expect(world.on.has(changed)).toBe(false);
    await checkLedger(engine, incident);
  });

  test('undo: in a run that has grown long, the next goes on with the cleaning up, and undoes what a person may undo', async () => {
    const [held, changed] = [fresh(), fresh()];
    const items = Array.from({ length: 40 }, (_, index) => `${held}-${index}`);
    const cleanUp: Step = {
      kind: 'foreach',
      id: 'each',
      items: { literal: items },
      maxItems: 100,
      maxParallel: 2,
      outputs: {},
      needs: [],
      steps: [actionStep('read', 'test.read', onItem())],
    };
    const incident = await engine.open({
      actions,
      namespace: held,
      continueAfter: 150,
      playbook: { steps: contained(held, changed), always: [cleanUp] },
    });
    await incident.decide('ada', { gate: 'contain' });
    await incident.decide('ada', { gate: 'change' });
    await incident.until((view) => status(view, 'pause') === 'running');
    await incident.command('ada', 'cancel', 'enough', 'undo');
    await incident.decide('ben', { gate: 'release' });
    expect(await incident.handle.result()).toBe('released');
    expect([world.on.has(held), world.on.has(changed)]).toEqual([false, false]);
    expect(status(await incident.view(), 'each')).toBe('done');
    const runs: string[] = [];
    for await (const run of engine.client.workflow.list({ query: `WorkflowId = '${incident.workflowId}'` }))
      runs.push(run.status.name);
    expect(runs).toContain('CONTINUED_AS_NEW');
  });

  test('undo: a takeover in the midst of it stops it, and the handback lets it go on', async () => {
    const [held, changed] = [fresh(), fresh()];
    const incident = await waiting(held, changed);
    const reached = new Promise<void>((resolve) => {
      // The server tells an activity of its cancellation with the next heartbeat: it goes on only then.
      world.pauseUndo = (cancelled) =>
        new Promise<void>((go) => {
          cancelled.addEventListener('abort', () => go());
          resolve();
        });
    });
    await incident.command('ada', 'cancel', 'enough', 'undo');
    await reached;
    delete world.pauseUndo;
    await incident.command('ben', 'takeover');
    expect((await incident.view()).status).toBe('taken-over');
    expect(world.on.has(changed)).toBe(true);
    await incident.command('ben', 'handback');
    await incident.decide('ben', { gate: 'release' });
    expect(await incident.handle.result()).toBe('released');
    expect([world.on.has(held), world.on.has(changed)]).toEqual([false, false]);
    await checkLedger(engine, incident);
  });
});
