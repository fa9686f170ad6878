import { describe, expect, test } from '@jest/globals';
import { act, actions, engine, fresh, open, startEngine, status, world } from '../support/language-bench.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { act as actionStep, oneResponder, onItem } from '../support/steps.ts';

startEngine();

describe('questions', () => {
  test('an approve step decides on the way, and a form gives typed outputs', async () => {
    const namespace = fresh();
    const incident = await open(
      namespace,
      [
        {
          kind: 'approve',
          id: 'go',
          question: { literal: 'Shall we go on?' },
          approve: oneResponder,
          needs: [],
        },
        {
          kind: 'ask',
          id: 'facts',
          question: { literal: 'What do you see?' },
          from: ['responders'],
          withinMs: 60_000,
          fields: { hosts: { type: 'integer', title: 'Hosts', min: 1 } },
          needs: ['go'],
        },
      ],
      { outputs: { hosts: { cel: 'steps.facts.outputs.hosts' }, by: { cel: 'steps.go.outputs.by[0]' } } },
    );
    await incident.decide('ada', { gate: 'go' });
    await incident.gate('facts');
    await expect(incident.decide('ben', { gate: 'facts' })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('FB4020') },
    });
    await expect(incident.decide('ben', { gate: 'facts', answers: { hosts: 0 } })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('answers.hosts') },
    });
    await incident.decide('ben', { gate: 'facts', answers: { hosts: 3 } });
    expect(await incident.handle.result()).toBe('completed');
    expect((await incident.view()).outputs).toEqual({ hosts: 3, by: 'ada' });
    await checkLedger(engine, incident);
  });

  test('a denied approve step ends the playbook as denied, and nothing after it begins', async () => {
    const namespace = fresh();
    const incident = await open(namespace, [
      { kind: 'approve', id: 'go', question: { literal: 'Shall we?' }, approve: oneResponder, needs: [] },
      act('contain', 'test.contain', namespace, { needs: ['go'] }),
    ]);
    await incident.decide('ada', { gate: 'go', verdict: 'deny', reason: 'no' });
    expect(await incident.handle.result()).toBe('denied');
    expect(world.on.has(namespace)).toBe(false);
  });
});

describe('undo', () => {
  test('what somebody else has changed is kept, and is not called undone', async () => {
    const [kept, undone] = [fresh(), fresh()];
    world.foreign.add(kept);
    const incident = await open(kept, [
      act('first', 'test.change', undone, { undo: 'on-failure' }),
      act('second', 'test.change', kept, { undo: 'on-failure', needs: ['first'] }),
      { kind: 'fail', id: 'stop', message: { literal: 'a drill' }, needs: ['second'] },
    ]);
    for (const gate of ['first', 'second']) await incident.decide('ada', { gate });
    expect(await incident.handle.result()).toBe('failed');
    const view = await incident.view();
    expect([status(view, 'first'), status(view, 'second')]).toEqual(['undone', 'done']);
    expect(view.steps.find(({ id }) => id === 'second')?.why).toContain('somebody turned it');
    expect([world.on.has(undone), world.on.has(kept)]).toEqual([false, true]);
    await checkLedger(engine, incident);
  });

  test('a failure undoes reversible changes newest first, and never a containment', async () => {
    const [kept, first, second] = [fresh(), fresh(), fresh()];
    const incident = await open(kept, [
      act('contain', 'test.contain', kept),
      act('first', 'test.change', first, { undo: 'on-failure', needs: ['contain'] }),
      act('second', 'test.change', second, { undo: 'on-failure', needs: ['first'] }),
      { kind: 'fail', id: 'broken', message: { literal: 'on purpose' }, needs: ['second'] },
    ]);
    for (const gate of ['contain', 'first', 'second']) await incident.decide('ada', { gate });
    const view = await incident.until((now) => now.status === 'holding' && status(now, 'first') === 'undone');
    expect(status(view, 'second')).toBe('undone');
    expect(status(view, 'contain')).toBe('held');
    expect([world.on.has(kept), world.on.has(first), world.on.has(second)]).toEqual([true, false, false]);
    await incident.release();
    expect(await incident.handle.result()).toBe('failed');
    const entries = await engine.state.ledger.read(incident.incident);
    const undoing = entries.filter(({ kind }) => kind === 'step.undoing').map(({ data }) => data['step']);
    expect(undoing).toEqual(['second', 'first', 'contain']);
    await checkLedger(engine, incident);
  });
});

describe('a long incident', () => {
  test('goes on in further runs, with an open question, a hold, and each item once', async () => {
    const [held, namespace] = [fresh(), fresh()];
    const items = Array.from({ length: 60 }, (_, index) => `${namespace}-${index}`);
    const incident = await engine.open({
      actions,
      namespace: held,
      continueAfter: 120,
      playbook: {
        steps: [
          act('contain', 'test.contain', held),
          { kind: 'approve', id: 'go', question: { literal: 'Go on?' }, approve: oneResponder, needs: [] },
          {
            kind: 'foreach',
            id: 'each',
            items: { literal: items },
            maxItems: 100,
            maxParallel: 5,
            outputs: { at: { cel: 'index' } },
            needs: [],
            steps: [actionStep('read', 'test.read', onItem())],
          },
        ],
        outputs: {
          last: { cel: 'steps.each.outputs.items[59].at' },
          count: { cel: 'steps.each.outputs.count' },
        },
      },
    });
    await incident.decide('ada', { gate: 'contain' });
    await incident.until((view) => status(view, 'each') === 'done');
    await incident.decide('ada', { gate: 'go' });
    await incident.until(({ status: now }) => now === 'holding');
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    const view = await incident.view();
    expect(view.outputs).toEqual({ last: 59, count: 60 });
    const runs: string[] = [];
    for await (const run of engine.client.workflow.list({ query: `WorkflowId = '${incident.workflowId}'` }))
      runs.push(run.status.name);
    expect(runs.filter((name) => name === 'CONTINUED_AS_NEW').length).toBeGreaterThan(2);
    const entries = await engine.state.ledger.read(incident.incident);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    const applied = entries.filter(({ kind }) => kind === 'step.applying').map(({ data }) => data['step']);
    expect(new Set(applied).size).toBe(applied.length);
    expect(applied).toHaveLength(61);
    // What ended just before a run handed on is not said again by the next.
    const ended = entries.filter(({ kind }) => kind === 'step.ended').map(({ data }) => data['step']);
    expect(ended).toHaveLength(63);
    expect(new Set(ended).size).toBe(63);
  }, 120_000);
});
