import { expect, test } from '@jest/globals';
import type { ActionStep, Playbook, Step } from '../../../language/run/playbook.ts';
import { createInterpreter } from '../../../workflows/interpreter/interpreter.ts';

function playbookOf(steps: Step[], more: Partial<Playbook> = {}): Playbook {
  const named = { id: 'T-1', name: 'Test', version: 1, description: '', inputs: {}, actions: {} };
  return { schema: 'firebreak/playbook/v1', ...named, steps, ...more };
}

function act(id: string, more: Partial<ActionStep> = {}): ActionStep {
  return {
    kind: 'action',
    id,
    needs: [],
    uses: 'test.switch',
    with: { map: {} },
    undo: 'on-failure',
    ...more,
  };
}

const fail: Step = { kind: 'fail', id: 'fail', needs: [], message: { literal: 'no' } };

/** Each leaf ends well with what it applied, unless its id begins with `bad`; each undo succeeds unless it is of `stuck`. */
function play(playbook: Playbook, mode = 'approve') {
  const interpreter = createInterpreter(playbook, { inputs: {}, alert: {}, incident: { mode } });
  const lines: string[] = [];
  const asked: string[] = [];
  let now = 0;
  for (let move = 0; move < 100 && interpreter.ended() === undefined; move += 1) {
    const { commands, transitions } = interpreter.advance(now);
    for (const { address, status, why } of transitions)
      if (status !== 'running') lines.push([address, status, ...(why === undefined ? [] : [why])].join(' '));
    for (const command of commands) {
      const address = command.do === 'run' ? command.leaf.address : command.address;
      asked.push(`${command.do} ${address}`);
      if (command.do === 'undo') interpreter.take({ undone: address, ok: address !== 'stuck', why: 'gone' });
      if (command.do !== 'run') continue;
      const isBad = command.leaf.step.id.startsWith('bad');
      interpreter.take({ step: address, status: isBad ? 'failed' : 'done', applied: !isBad });
    }
    if (commands.length === 0 && interpreter.due() !== Infinity) now = interpreter.due();
  }
  return { ended: interpreter.ended(), lines, asked, now };
}

const each = (items: string[], more: object = {}): Step => ({
  kind: 'foreach',
  id: 'each',
  needs: [],
  items: { literal: items },
  maxItems: 2,
  maxParallel: 1,
  steps: [act('in')],
  outputs: { item: { cel: 'item' } },
  ...more,
});

test('a loop hands on what each item yielded; an empty list is done, a longer one or no list is refused whole', () => {
  const outputs = { seen: { cel: 'steps.each.outputs.items' } };
  expect(play(playbookOf([each(['a', 'b'])], { outputs })).ended?.outputs).toEqual({
    seen: [{ item: 'a' }, { item: 'b' }],
  });
  expect(play(playbookOf([each([])])).ended?.status).toBe('done');
  expect(play(playbookOf([each(['a', 'b', 'c'])]))).toMatchObject({
    asked: [],
    ended: { status: 'failed', why: 'it has 3 items, more than its max-items of 2' },
  });
  expect(play(playbookOf([each([], { items: { literal: 'a' } })])).ended?.why).toBe(
    'what it goes through is not a list',
  );
});

test('after an item that failed no further one begins', () => {
  expect(play(playbookOf([each(['a', 'b'], { steps: [act('bad')] })])).asked).toEqual(['run each[0]/bad']);
});

test('a branch that fails leaves the others to their end, and all that was applied is undone, newest first', () => {
  const both: Step = {
    kind: 'parallel',
    id: 'both',
    needs: [],
    branches: [
      { name: 'a', steps: [fail] },
      { name: 'b', steps: [act('one'), act('two', { needs: ['one'] }), act('kept', { undo: 'never' })] },
    ],
    outputs: {},
  };
  const { asked, ended } = play(playbookOf([both]));
  expect(asked.filter((line) => line.startsWith('undo'))).toEqual(['undo two', 'undo one']);
  expect(ended).toMatchObject({ status: 'failed', why: 'no' });
});

test('an undo that fails is said, and the others go on', () => {
  const { lines } = play(
    playbookOf([act('first'), act('stuck', { needs: ['first'] }), { ...fail, needs: ['stuck'] }]),
  );
  expect(lines.slice(-2)).toEqual(['stuck done its undo failed: gone', 'first undone no']);
});

test('a retry pauses longer each time, and only a failure is tried again', () => {
  const retry = { attempts: 3, delayMs: 1_000, backoff: 2 };
  const { asked, now } = play(playbookOf([act('bad', { retry })]));
  expect(asked).toHaveLength(3);
  expect(now).toBe(3_000);
});

test('a step that may fail blocks nothing', () => {
  const { ended } = play(
    playbookOf([act('bad', { continueOnError: true }), act('next', { needs: ['bad'] })]),
  );
  expect(ended?.status).toBe('done');
});

test('an end leaves out what has not begun', () => {
  const end: Step = { kind: 'end', id: 'stop', needs: [], why: { literal: 'enough' } };
  expect(play(playbookOf([end, act('later', { needs: ['stop'] })]))).toMatchObject({
    lines: ['stop done enough', 'later skipped ended by stop'],
    ended: { status: 'done' },
  });
});

test('what a simulation cannot know is skipped, and fails otherwise', () => {
  const steps: Step[] = [{ kind: 'set', id: 'x', needs: [], values: { v: { cel: 'alert.fields.gone' } } }];
  expect(play(playbookOf(steps), 'simulate').lines[0]).toMatch(/^x skipped not known in a simulation: /);
  expect(play(playbookOf(steps)).ended?.status).toBe('failed');
});
