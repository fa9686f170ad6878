import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Action } from '../../domain/action.ts';
import type { ActionStep, Playbook, Step } from '../../language/run/playbook.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { act, at, oneResponder } from '../support/steps.ts';
import { Switchboard } from '../support/switchboard.ts';

const world = new Switchboard();
const change = world.action('test.change');
/** Namespaces in which a change asks for more than before. */
const grown = new Set<string>();
const actions: Action[] = [
  world.action('test.contain'),
  {
    ...change,
    effect: 'reversible',
    holds: false,
    plan: async (context, request) => {
      const plan = await change.plan(context, request);
      const { namespace } = request.input as { namespace: string };
      if (!grown.has(namespace)) return plan;
      return { ...plan, authority: { ...plan.authority, caps: { switches: 2 } } };
    },
  },
];
let engine: Engine;

beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions);
});
afterAll(() => engine.stop());

let namespaces = 0;
const fresh = () => `phase${(namespaces += 1)}`;
const revoke = { id: 'revoke', title: 'Revoke what leaked' };
/** A step of the phase; each contains or changes a namespace of its own. */
const member = (id: string, namespace: string, over: Partial<ActionStep> = {}): ActionStep =>
  act(id, 'test.contain', at(namespace), { phase: revoke, approve: oneResponder, ...over });
const open = (namespace: string, steps: Step[], over: Partial<Playbook> = {}, continueAfter?: number) =>
  engine.open({
    actions,
    namespace,
    playbook: { steps, ...over },
    policy: {
      guardrails: { protectedNamespaces: ['payments'], maxNamespaces: 5, maxPods: 100, automatic: [] },
    },
    ...(continueAfter === undefined ? {} : { continueAfter }),
  });
const statuses = async (incident: OpenIncident) =>
  Object.fromEntries((await incident.view()).steps.map(({ id, status }) => [id, status]));
/** The question about the phase, and what it says. */
const asked = async (incident: OpenIncident) => {
  const { gate } = await incident.gate('revoke');
  const { gates } = await incident.view();
  const consequences = gates.find((open) => open.gate.id === gate.id)?.consequences;
  if (consequences === undefined) throw new Error('the question is closed already');
  return { gate, consequences };
};
const gatesOf = async (incident: OpenIncident) =>
  (await engine.state.ledger.read(incident.incident))
    .filter(({ kind }) => kind === 'gate.opened')
    .map(({ data }) => (data['gate'] as { id: string }).id);

describe('one approval a phase', () => {
  test('covers steps one after the other and side by side: one question, which names each authority', async () => {
    const [a, b, c] = [fresh(), fresh(), fresh()];
    const incident = await open(a, [
      member('first', a),
      member('second', b, { needs: ['first'] }),
      member('beside', c),
    ]);
    const { gate, consequences } = await asked(incident);
    expect(gate.authorities.map(({ targets }) => targets[0]?.name)).toEqual([a, b, c]);
    expect(consequences.ifApproved).toEqual(
      expect.arrayContaining([`first: Switch ${a}`, `second: Switch ${b}`, `beside: Switch ${c}`]),
    );
    expect((await incident.view()).gates).toHaveLength(1);
    expect(world.on.has(a) || world.on.has(b) || world.on.has(c)).toBe(false);
    await incident.decide('ada', { gate: 'revoke' });
    await incident.until(({ status }) => status === 'holding');
    expect(await statuses(incident)).toEqual({ first: 'held', second: 'held', beside: 'held' });
    expect(await gatesOf(incident)).toEqual(['revoke']);
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    expect([world.on.has(a), world.on.has(b), world.on.has(c)]).toEqual([false, false, false]);
    await checkLedger(engine, incident);
  });

  test('a no to it ends all of its steps, and says so once', async () => {
    const [a, b] = [fresh(), fresh()];
    const incident = await open(a, [member('first', a), member('second', b)]);
    await incident.decide('ada', { gate: 'revoke', verdict: 'deny', reason: 'not now' });
    expect(await incident.handle.result()).toBe('denied');
    expect(await statuses(incident)).toEqual({ first: 'denied', second: 'denied' });
    expect(world.on.has(a) || world.on.has(b)).toBe(false);
    const entries = await engine.state.ledger.read(incident.incident);
    const told = entries.filter(({ data }) => data['about'] === 'revoke/denied');
    expect(told).toHaveLength(1);
    await checkLedger(engine, incident);
  });

  test('what a step plans when its turn comes must be what was agreed to, else people are asked about it', async () => {
    const [a, b] = [fresh(), fresh()];
    const incident = await open(a, [
      member('first', a),
      member('second', b, { uses: 'test.change', needs: ['first'] }),
    ]);
    await incident.gate('revoke');
    grown.add(b);
    await incident.decide('ada', { gate: 'revoke' });
    const { gate } = await incident.gate('second');
    expect(gate.authorities).toMatchObject([{ caps: { switches: 2 } }]);
    expect(world.on.has(b)).toBe(false);
    await incident.decide('ben', { gate: 'second' });
    await incident.until(({ status }) => status === 'holding');
    expect(await gatesOf(incident)).toEqual(['revoke', 'second']);
    await incident.release();
    await incident.handle.result();
    await checkLedger(engine, incident);
  });

  test('a step that is refused is no part of the question, which says so', async () => {
    const a = fresh();
    const incident = await open(a, [member('first', a), member('second', 'kube-system')]);
    const { gate, consequences } = await asked(incident);
    expect(gate.authorities).toHaveLength(1);
    expect(consequences.ifApproved[0]).toBe(`first: Switch ${a}`);
    expect(consequences.ifApproved[1]).toMatch(/^Not a part of this question: second: FB31/);
    await incident.decide('ada', { gate: 'revoke' });
    await incident.until(({ steps }) => steps.every(({ status }) => status !== 'running'));
    expect(await statuses(incident)).toEqual({ first: 'held', second: 'refused' });
    await incident.release();
    await incident.handle.result();
    await checkLedger(engine, incident);
  });

  test('a step whose condition is false is not asked about', async () => {
    const [a, b] = [fresh(), fresh()];
    const incident = await open(a, [member('first', a), member('second', b, { if: { cel: 'false' } })]);
    expect((await incident.gate('revoke')).gate.authorities).toHaveLength(1);
    await incident.decide('ada', { gate: 'revoke' });
    await incident.until(({ status }) => status === 'holding');
    expect(await statuses(incident)).toEqual({ first: 'held', second: 'skipped' });
    await incident.release();
    await incident.handle.result();
  });

  test('a later failure undoes what was agreed to be undone, under the same question', async () => {
    const [a, b] = [fresh(), fresh()];
    const undone = { uses: 'test.change', undo: 'on-failure' } as const;
    const incident = await open(a, [
      member('first', a, undone),
      member('second', b, { ...undone, needs: ['first'] }),
      { kind: 'fail', id: 'broken', message: { literal: 'on purpose' }, needs: ['second'] },
    ]);
    const { gate, consequences } = await asked(incident);
    expect(gate.undo).toBe('on-failure');
    expect(consequences.undo).toContain('A later failure undoes first, second without asking again.');
    await incident.decide('ada', { gate: 'revoke' });
    expect(await incident.handle.result()).toBe('failed');
    expect(await statuses(incident)).toMatchObject({ first: 'undone', second: 'undone' });
    expect([world.on.has(a), world.on.has(b)]).toEqual([false, false]);
    await checkLedger(engine, incident);
  });

  test('a cancel withdraws it', async () => {
    const [a, b] = [fresh(), fresh()];
    const incident = await open(a, [member('first', a), member('second', b, { needs: ['first'] })]);
    await incident.gate('revoke');
    await incident.command('ada', 'cancel', 'false alarm', 'stop');
    expect(await incident.handle.result()).toBe('cancelled');
    expect(await statuses(incident)).toEqual({ first: 'cancelled', second: 'skipped' });
    expect(world.on.has(a) || world.on.has(b)).toBe(false);
    await checkLedger(engine, incident);
  });

  test('a step whose time is up withdraws it when no other waits, and the next is asked about by itself', async () => {
    const [a, b] = [fresh(), fresh()];
    const incident = await open(a, [
      member('first', a, { timeoutMs: 700, continueOnError: true }),
      member('second', b, { needs: ['first'] }),
    ]);
    await incident.gate('revoke');
    await incident.decide('ada', { gate: 'second' });
    await incident.until(({ status }) => status === 'holding');
    expect(await statuses(incident)).toEqual({ first: 'failed', second: 'held' });
    expect(world.on.has(a)).toBe(false);
    await incident.release();
    await incident.handle.result();
    await checkLedger(engine, incident);
  });

  test('a retry of what is around it asks again, under an id of its own', async () => {
    const [a, b] = [fresh(), fresh()];
    world.failures.push(new Error('not now'), new Error('not now'), new Error('not now'));
    const incident = await open(a, [
      {
        kind: 'parallel',
        id: 'both',
        needs: [],
        outputs: {},
        retry: { attempts: 2, delayMs: 50, backoff: 1 },
        branches: [
          { name: 'one', steps: [member('first', a), member('second', b, { needs: ['first'] })] },
          { name: 'other', steps: [{ kind: 'set', id: 'x', needs: [], values: { y: { literal: 1 } } }] },
        ],
      },
    ]);
    await incident.decide('ada', { gate: 'revoke' });
    await incident.decide('ada', { gate: 'revoke#2' });
    await incident.until(({ status }) => status === 'holding');
    expect(await statuses(incident)).toMatchObject({ first: 'held', second: 'held' });
    await incident.release();
    await incident.handle.result();
    await checkLedger(engine, incident);
  });

  test('is carried open into the next run, and counts there', async () => {
    const [a, b] = [fresh(), fresh()];
    const filler: Step[] = Array.from({ length: 12 }, (_, index) => ({
      kind: 'wait',
      id: `w${index}`,
      forMs: 100,
      needs: index === 0 ? [] : [`w${index - 1}`],
    }));
    const incident = await open(
      a,
      [member('first', a), member('second', b, { needs: ['first'] }), ...filler],
      {},
      40,
    );
    await incident.until(({ steps }) => steps.find(({ id }) => id === 'w11')?.status === 'done');
    const runs: string[] = [];
    for await (const run of engine.client.workflow.list({ query: `WorkflowId = '${incident.workflowId}'` }))
      runs.push(run.status.name);
    expect(runs).toContain('CONTINUED_AS_NEW');
    await incident.decide('ada', { gate: 'revoke' });
    await incident.until(({ status }) => status === 'holding');
    expect(await statuses(incident)).toMatchObject({ first: 'held', second: 'held' });
    expect(await gatesOf(incident)).toEqual(['revoke']);
    await incident.release();
    await incident.handle.result();
  });

  test('in a simulation nobody is asked', async () => {
    const [a, b] = [fresh(), fresh()];
    const incident = await engine.open({
      actions,
      namespace: a,
      mode: 'simulate',
      playbook: { steps: [member('first', a), member('second', b)] },
    });
    expect(await incident.handle.result()).toBe('simulated');
    expect(await gatesOf(incident)).toEqual([]);
  });
});
