import { describe, expect, test } from '@jest/globals';
import type { ActionStep, Playbook, Step } from '../../../language/run/playbook.ts';
import { createInterpreter } from '../../../workflows/interpreter/interpreter.ts';
import type { Leaf, LeafEnd, Stop } from '../../../workflows/interpreter/types.ts';

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

interface World {
  mode?: string;
  /** How a leaf ends, where it does so otherwise than its id says; null: not until it is told to stop. */
  ends?: (leaf: Leaf) => Partial<LeafEnd> | null | undefined;
  /** A stop, as soon as a step of this address runs. */
  stopAt?: string;
  stop?: Stop;
}

/** Each leaf ends well with what it applied, unless its id begins with `bad`; each undo succeeds unless it is of `stuck`. */
function play(playbook: Playbook, { mode = 'approve', ends, stopAt, stop }: World = {}) {
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
      const said = ends?.(command.leaf);
      if (said !== null)
        interpreter.take({ step: address, status: isBad ? 'failed' : 'done', applied: !isBad, ...said });
    }
    for (const command of commands)
      if (command.do === 'stop')
        interpreter.take({ step: command.address, status: 'cancelled', applied: true });
    if (
      stop !== undefined &&
      transitions.some(({ address, status }) => address === stopAt && status === 'running')
    )
      interpreter.stop(stop);
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

const choosing = (on: string): Step => ({
  kind: 'switch',
  id: 'which',
  needs: [],
  on: { cel: on },
  cases: [{ value: 'a', steps: [act('in_a')] }],
  default: [act('otherwise')],
  outputs: { other: { cel: 'steps.otherwise.status' } },
});

const looping = (condition: string, maxRounds: number): Step => ({
  kind: 'while',
  id: 'again',
  needs: [],
  condition: { cel: condition },
  maxRounds,
  delayMs: 1_000,
  steps: [act('in')],
  outputs: { sum: { cel: 'has(last.sum) ? last.sum + 2.0 : 1.0' } },
});

const reading = (withinMs: number): Step => ({
  kind: 'wait',
  id: 'so',
  needs: [],
  until: {
    condition: { cel: 'reading.outputs.n == 3.0' },
    uses: 'test.read',
    with: { map: {} },
    everyMs: 1_000,
    withinMs,
  },
});

const calling = (n: number): Step => ({
  kind: 'playbook',
  id: 'inner',
  needs: ['before'],
  playbook: 'T-2',
  with: { literal: { n } },
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
  const denied = play(playbookOf([act('one', { retry })]), {
    ends: () => ({ status: 'denied', applied: false }),
  });
  expect(denied).toMatchObject({ asked: ['run one'], ended: { status: 'denied' } });
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
  expect(play(playbookOf(steps), { mode: 'simulate' }).lines[0]).toMatch(
    /^x skipped not known in a simulation: /,
  );
  expect(play(playbookOf(steps)).ended?.status).toBe('failed');
});

test('a switch runs the case that equals its text, and the steps of the others are seen as skipped', () => {
  const outputs = { other: { cel: 'steps.which.outputs.other' } };
  const a = play(playbookOf([choosing("'a'")], { outputs }));
  expect(a).toMatchObject({ asked: ['run in_a'], ended: { status: 'done', outputs: { other: 'skipped' } } });
  expect(play(playbookOf([choosing("'b'")])).asked).toEqual(['run otherwise']);
  expect(play(playbookOf([choosing('1.0')])).ended?.status).toBe('failed');
});

test('a while hands each round what the last one yielded, pauses between rounds only, and is bounded', () => {
  const outputs = { sum: { cel: 'steps.again.outputs.sum' } };
  const ended = play(playbookOf([looping('round < 3', 5)], { outputs }));
  expect(ended).toMatchObject({ ended: { outputs: { sum: 5 } }, now: 2_000 });
  expect(ended.asked).toEqual(['run again[0]/in', 'run again[1]/in', 'run again[2]/in']);
  expect(play(playbookOf([looping('true', 2)])).ended).toMatchObject({
    status: 'failed',
    why: 'still true after 2 rounds',
  });
});

test('a wait lets its time pass, or reads until what it reads is as it should be', () => {
  expect(play(playbookOf([{ kind: 'wait', id: 'pause', needs: [], forMs: 5_000 }])).now).toBe(5_000);
  const counting: World = { ends: ({ attempt }) => ({ outputs: { n: attempt } }) };
  const read = play(playbookOf([reading(10_000)]), counting);
  expect(read).toMatchObject({
    asked: ['run so', 'run so', 'run so'],
    now: 2_000,
    ended: { status: 'done' },
  });
  const late = play(playbookOf([reading(1_500)]), counting);
  expect(late.ended?.status).toBe('failed');
  expect(late.ended?.why).toContain('the condition was false');
});

test('a child has inputs of its own, is undone when it fails, and refuses what does not fit', () => {
  const named = { id: 'T-2', name: 'Child', version: 1, description: '' };
  const inputs = { n: { type: 'integer' as const, max: 3 } };
  const children = {
    'T-2': {
      ...named,
      inputs,
      steps: [
        act('one', { if: { cel: 'inputs.n == 2' } }),
        act('two', { needs: ['one'] }),
        { ...fail, needs: ['two'] },
      ],
      always: [act('last', { undo: 'never' })],
    },
  };
  const failed = play(playbookOf([act('before'), calling(2)], { children }));
  expect(failed.asked).toEqual([
    'run before',
    'run inner/one',
    'run inner/two',
    'undo inner/two',
    'undo inner/one',
    'run inner/last',
    'undo before',
  ]);
  expect(play(playbookOf([act('before'), calling(9)], { children })).ended?.why).toContain(
    '"n" is more than 3',
  );
});

test('what a good child applied is undone when its parent fails later', () => {
  const children = {
    'T-2': { id: 'T-2', name: 'C', version: 1, description: '', inputs: {}, steps: [act('deep')] },
  };
  const inner: Step = { kind: 'playbook', id: 'inner', needs: [], playbook: 'T-2', with: { literal: {} } };
  const { asked } = play(
    playbookOf([inner, act('own', { needs: ['inner'] }), { ...fail, needs: ['own'] }], { children }),
  );
  expect(asked).toEqual(['run inner/deep', 'run own', 'undo own', 'undo inner/deep']);
});

test('a step whose time is up is stopped and has failed, and its handlers say why', () => {
  const slow = act('slow', {
    timeoutMs: 2_000,
    undo: 'never',
    onFailure: [{ kind: 'set', id: 'noted', needs: [], values: { why: { cel: 'failure.why' } } }],
  });
  const { asked, lines, now } = play(playbookOf([slow]), { ends: () => null });
  expect(asked).toEqual(['run slow', 'stop slow']);
  expect(lines).toEqual(['noted done', 'slow failed it took longer than 2 s']);
  expect(now).toBe(2_000);
});

describe('a stop', () => {
  const steps = [
    act('done_before'),
    act('runs', { needs: ['done_before'] }),
    act('later', { needs: ['runs'] }),
  ];
  const always = [act('last', { undo: 'never' })];
  const playbook = playbookOf(steps, { always });
  const stopped = (stop: Omit<Stop, 'why'>, ends?: World['ends']) =>
    play(playbook, {
      stopAt: 'runs',
      stop: { why: 'enough', ...stop },
      ends: ends ?? (({ address }) => (address === 'runs' ? null : undefined)),
    });

  test('stops what runs, leaves out what waits, and undoes newest first when asked', () => {
    const { asked, ended, lines } = stopped({ running: 'stop', undo: true, always: true });
    expect(asked).toEqual([
      'run done_before',
      'run runs',
      'stop runs',
      'undo runs',
      'undo done_before',
      'run last',
    ]);
    expect(lines).toContain('later skipped enough');
    expect(ended).toMatchObject({ status: 'cancelled', why: 'enough' });
  });

  test('leaves what was applied, and the last steps out, when asked', () => {
    const { asked } = stopped({ running: 'stop', undo: false, always: false });
    expect(asked).toEqual(['run done_before', 'run runs', 'stop runs']);
  });

  test('lets what runs finish', () => {
    const { asked, lines } = stopped({ running: 'finish', undo: false, always: false }, () => undefined);
    expect(asked).toEqual(['run done_before', 'run runs']);
    expect(lines).toContain('runs done');
  });
});
