import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { checkLedger } from '../support/ledger-check.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { Switchboard } from '../support/switchboard.ts';

let engine: Engine;
const world = new Switchboard();
const contain = world.action();
const read = world.action('test.read', false);
const actions = [contain, read];

beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions);
}, 120_000);
afterAll(async () => {
  await engine.stop();
});

async function refusal(update: Promise<unknown>): Promise<string> {
  try {
    await update;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)
      return error.cause.message;
    throw error;
  }
  throw new Error('it was accepted');
}

/** What was told in Slack, in its order, and whether it showed a button that cancels. */
async function offersOf({ handle }: OpenIncident): Promise<{ dedupe: string; offerCancel: boolean }[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    if (scheduled?.activityType?.name !== 'slack.tell') return [];
    const data = scheduled.input?.payloads?.[0]?.data ?? new Uint8Array();
    const { dedupe, offerCancel } = JSON.parse(Buffer.from(data).toString());
    return [{ dedupe, offerCancel }];
  });
}

const held = (incident: OpenIncident) => incident.until(({ status }) => status === 'holding');

describe('an incident', () => {
  test('plans, asks, contains, verifies, holds, releases and seals', async () => {
    const incident = await engine.open({ actions, namespace: 'whole', steps: [{}, { uses: 'test.read' }] });
    await incident.decide('ada');
    const view = await held(incident);
    expect(world.on.has('whole')).toBe(true);
    expect(view.steps.map(({ status }) => status)).toEqual(['held', 'done']);
    expect(view.steps[0]?.verification?.verdict).toBe('verified');
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    expect(world.on.has('whole')).toBe(false);
    await checkLedger(engine, incident);
  });

  test.each([
    ['the requester', 'ada', { requester: 'ada' }, {}, 'FB4007'],
    ['a stranger', 'mallory', {}, {}, 'FB4008'],
    ['somebody of no group', 'zoe', {}, {}, 'FB4008'],
    ['nobody: no signature', 'ada', {}, { sign: false }, 'FB4001'],
    [
      'a decision about another gate',
      'ada',
      {},
      { gate: 's1', digest: `sha256:${'0'.repeat(64)}` },
      'FB4004',
    ],
    ['a decision of yesterday', 'ada', {}, { at: new Date(Date.now() - 86_400_000).toISOString() }, 'FB4006'],
    ['a decision of tomorrow', 'ada', {}, { at: new Date(Date.now() + 86_400_000).toISOString() }, 'FB4006'],
    ['a decision whose date is none', 'ada', {}, { at: 'soon' }, 'FB4006'],
    ['a denial without a reason', 'ada', {}, { verdict: 'deny' }, 'FB4010'],
  ] as const)('refuses %s, and changes nothing', async (_who, person, opened, decision, code) => {
    const before = world.writes;
    const incident = await engine.open({ actions, namespace: `refuse-${code.toLowerCase()}`, ...opened });
    expect(await refusal(incident.decide(person, decision))).toContain(code);
    expect((await incident.view()).gates[0]?.decisions).toEqual([]);
    expect(world.writes).toBe(before);
    await incident.decide('ben', { verdict: 'deny', reason: 'enough' });
    expect(await incident.handle.result()).toBe('denied');
    expect(world.writes).toBe(before);
    await checkLedger(engine, incident);
  });

  test('counts persons: the same one twice is one', async () => {
    const approve = { from: ['responders'], count: 2, withinMs: 60_000, otherwise: 'deny' as const };
    const incident = await engine.open({ actions, namespace: 'two', steps: [{ approve }] });
    await incident.decide('ada');
    expect(await refusal(incident.decide('ada'))).toContain('FB4009');
    expect(world.on.has('two')).toBe(false);
    await incident.decide('ben');
    await held(incident);
    await incident.release();
    await incident.handle.result();
  });

  test('escalates when nobody answers, lets the escalation group decide, then fails closed', async () => {
    const approve = { from: ['responders'], count: 1, withinMs: 1_500, otherwise: 'escalate' as const };
    const incident = await engine.open({ actions, namespace: 'late', steps: [{ approve }] });
    expect(await refusal(incident.decide('eve'))).toContain('FB4008');
    await incident.until(({ gates }) => gates[0]?.escalated === true);
    await incident.decide('eve', { verdict: 'deny', reason: 'known test' });
    expect(await incident.handle.result()).toBe('denied');

    const silent = await engine.open({
      actions,
      namespace: 'silent',
      steps: [{ approve: { ...approve, withinMs: 300 } }],
    });
    expect(await silent.handle.result()).toBe('expired');
    expect(world.on.has('silent')).toBe(false);
    await checkLedger(engine, silent);
  });

  test('refuses a protected namespace, whatever anyone approves', async () => {
    const incident = await engine.open({ actions, namespace: 'kube-system', mode: 'automatic' });
    expect(await incident.handle.result()).toBe('refused');
    const own = await engine.open({ actions, namespace: 'payments' });
    expect(await own.handle.result()).toBe('refused');
    expect(world.on.has('kube-system') || world.on.has('payments')).toBe(false);
  });

  test('simulates without a change, and is automatic only where the policy says so', async () => {
    const before = world.writes;
    const simulated = await engine.open({ actions, namespace: 'sim', mode: 'simulate' });
    expect(await simulated.handle.result()).toBe('simulated');
    expect(world.writes).toBe(before);
    const falling = await engine.open({ actions, namespace: 'auto', mode: 'automatic' });
    await falling.gate();
    await falling.decide('ada', { verdict: 'deny', reason: 'no' });
    expect(await falling.handle.result()).toBe('denied');
    const guardrails = {
      ...engine.policy().guardrails,
      automatic: [{ environments: ['production'], minSeverity: 'high' as const }],
    };
    const automatic = await engine.open({
      actions,
      namespace: 'auto',
      mode: 'automatic',
      policy: { guardrails },
    });
    await held(automatic);
    await automatic.release();
    expect(await automatic.handle.result()).toBe('released');
  });

  test('in automatic mode, asks nothing: what is told while something is left to do offers to cancel', async () => {
    const guardrails = {
      ...engine.policy().guardrails,
      automatic: [{ environments: ['production'], minSeverity: 'high' as const }],
    };
    const incident = await engine.open({
      actions,
      namespace: 'unasked',
      mode: 'automatic',
      policy: { guardrails },
      playbook: {
        steps: [
          {
            kind: 'action',
            id: 'shut',
            uses: 'test.switch',
            with: { literal: { cluster: 'c1', namespace: 'unasked' } },
            needs: [],
            undo: 'never',
          },
          { kind: 'wait', id: 'pause', forMs: 60_000, needs: ['shut'] },
        ],
      },
    });
    await incident.until(({ steps }) =>
      steps.some(({ id, status }) => id === 'pause' && status === 'running'),
    );
    expect(await offersOf(incident)).toEqual([{ dedupe: 'shut/done', offerCancel: true }]);
    await incident.cancel('ada', 'stop');
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    expect((await offersOf(incident)).slice(1).filter(({ offerCancel }) => offerCancel)).toEqual([]);
  });

  test('offers no cancel with the last step, and one with each word about what a cancel keeps open', async () => {
    const incident = await engine.open({ actions, namespace: 'last', steps: [{}, { uses: 'test.read' }] });
    await incident.decide('ada');
    await held(incident);
    await incident.release();
    await incident.handle.result();
    expect(await offersOf(incident)).toEqual(
      expect.arrayContaining([
        { dedupe: 's1/done', offerCancel: true },
        { dedupe: 's2/done', offerCancel: false },
        { dedupe: 'closed', offerCancel: false },
      ]),
    );

    const kept = await engine.open({ actions, namespace: 'kept', steps: [{}, { uses: 'test.read' }] });
    await kept.gate();
    await kept.cancel('ada', 'hold');
    await kept.until(({ gates }) => gates.length === 0);
    await kept.cancel('ben', 'stop');
    expect(await kept.handle.result()).toBe('cancelled');
    const about = (await offersOf(kept)).filter(({ dedupe }) => dedupe.startsWith('cancel/'));
    expect(about.map(({ offerCancel }) => offerCancel)).toEqual([true, false]);
  });

  test('changes nothing for an incident that somebody wrote straight to Temporal', async () => {
    const guardrails = {
      ...engine.policy().guardrails,
      automatic: [{ environments: ['production'], minSeverity: 'low' as const }],
    };
    const forged = await engine.open({
      actions,
      namespace: 'forged',
      mode: 'automatic',
      policy: { guardrails },
      unsigned: true,
    });
    expect(await forged.handle.result()).toBe('failed');
    expect(world.on.has('forged')).toBe(false);
  });

  test('holds what may stand in part when a step fails, and a later failure releases nothing', async () => {
    const failing = await engine.open({ actions, namespace: 'later', steps: [{}, { uses: 'test.read' }] });
    await failing.decide('ada');
    world.failures.push(ApplicationFailure.nonRetryable('out of luck', 'Drift'));
    await failing.until(({ steps }) => steps[0]?.status === 'held' || steps[0]?.status === 'failed');
    const view = await failing.until(({ steps }) =>
      steps.every(({ status }) => status !== 'waiting' && status !== 'running'),
    );
    world.failures.length = 0;
    if (world.on.has('later')) expect(view.steps[0]?.holdUntil).toBeDefined();
    if (view.status === 'holding') {
      await failing.release();
    }
    await failing.handle.result();
    await checkLedger(engine, failing);
  });

  test('asks again when more is needed than was authorised', async () => {
    world.failures.push(ApplicationFailure.nonRetryable('one more switch', 'BeyondAuthority'));
    const incident = await engine.open({ actions, namespace: 'more' });
    await incident.decide('ada', { gate: 's1' });
    await incident.decide('ben', { gate: 's1#2' });
    await held(incident);
    await incident.release();
    await incident.handle.result();
  });

  test('two incidents on one target share one base, and only the last release restores', async () => {
    const first = await engine.open({ actions, namespace: 'shared' });
    await first.decide('ada');
    await held(first);
    const second = await engine.open({ actions, namespace: 'shared' });
    await second.decide('ada');
    await held(second);
    const writes = world.writes;
    await first.release();
    expect(await first.handle.result()).toBe('released');
    expect(world.on.has('shared')).toBe(true);
    expect(world.writes).toBe(writes);
    await second.release();
    expect(await second.handle.result()).toBe('released');
    expect(world.on.has('shared')).toBe(false);
    await checkLedger(engine, first);
    await checkLedger(engine, second);
  });

  test('a plan made under another hold that was released meanwhile is no base: it is planned again', async () => {
    const first = await engine.open({ actions, namespace: 'overlap' });
    await first.decide('ada');
    await held(first);
    const second = await engine.open({ actions, namespace: 'overlap' });
    await second.gate();
    await first.release();
    expect(await first.handle.result()).toBe('released');
    await second.decide('ada', { gate: 's1' });
    await second.decide('ada', { gate: 's1#2' });
    await held(second);
    await second.release();
    expect(await second.handle.result()).toBe('released');
    expect(world.on.has('overlap')).toBe(false);
  });

  test('a hold that runs out reminds people and lets go of nothing', async () => {
    const incident = await engine.open({
      actions,
      namespace: 'expiring',
      // oxlint-disable-next-line unicorn/no-thenable -- the language's own word
      steps: [{ hold: { forMs: 500, then: 'escalate' } }],
    });
    await incident.decide('ada');
    await held(incident);
    const count = (await incident.view()).ledger.count;
    await incident.until(({ ledger }) => ledger.count > count + 2);
    expect(world.on.has('expiring')).toBe(true);
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
  });

  test('a person takes over and hands back: what was released by hand is seen as it is', async () => {
    const incident = await engine.open({ actions, namespace: 'by-hand' });
    await incident.decide('ada');
    await held(incident);
    await incident.command('ben', 'takeover');
    expect((await incident.view()).status).toBe('taken-over');
    expect(await refusal(incident.command('ada', 'release'))).toContain('FB4016');
    world.on.delete('by-hand');
    await incident.command('ben', 'handback');
    expect(await incident.handle.result()).toBe('released-outside');
    await checkLedger(engine, incident);
  });

  test('what was released by hand while nobody could take over is seen as it is', async () => {
    const incident = await engine.open({ actions, namespace: 'outage' });
    expect(await refusal(incident.command('ben', 'handback'))).toContain('FB4018');
    await incident.decide('ada');
    await held(incident);
    await incident.command('ben', 'handback');
    expect((await held(incident)).steps[0]?.status).toBe('held');
    world.on.delete('outage');
    await incident.command('ben', 'handback');
    expect(await incident.handle.result()).toBe('released-outside');
  });

  test('a takeover ends a release that waits for an answer, and a handback is not kept waiting', async () => {
    const incident = await engine.open({ actions, namespace: 'pending-release' });
    await incident.decide('ada');
    await held(incident);
    await incident.command('ada', 'release');
    await incident.gate('release');
    await incident.command('ben', 'takeover');
    await incident.until(({ gates }) => gates.length === 0);
    await incident.command('ben', 'handback');
    await held(incident);
    expect(world.on.has('pending-release')).toBe(true);
    await incident.command('ada', 'release');
    await incident.decide('ben', { gate: 'release#2' });
    expect(await incident.handle.result()).toBe('released');
    await checkLedger(engine, incident);
  });

  test('a takeover stops a change at its next boundary; after the handback it is planned and asked for again', async () => {
    const incident = await engine.open({ actions, namespace: 'interrupted' });
    const reached = new Promise<void>((resolve) => {
      // The server tells an activity of its cancellation with the next heartbeat: it goes on only then.
      world.pause = (cancelled) =>
        new Promise<void>((go) => {
          cancelled.addEventListener('abort', () => go());
          resolve();
        });
    });
    await incident.decide('ada');
    await reached;
    delete world.pause;
    await incident.command('ben', 'takeover');
    expect((await incident.view()).status).toBe('taken-over');
    await incident.command('ben', 'handback');
    await incident.decide('ada', { gate: 's1#2' });
    await held(incident);
    expect(world.on.has('interrupted')).toBe(true);
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    await checkLedger(engine, incident);
  });

  test('the kill switch stops a change, and not a release', async () => {
    const incident = await engine.open({ actions, namespace: 'stopped' });
    await engine.state.killSwitch.set({ stopped: true, by: 'ada', reason: 'drill' });
    await incident.decide('ada');
    expect(await incident.handle.result()).toBe('failed');
    expect(world.on.has('stopped')).toBe(false);
    await engine.state.killSwitch.set({ stopped: false, by: 'ada', reason: 'over' });
    const other = await engine.open({ actions, namespace: 'stopped' });
    await other.decide('ada');
    await held(other);
    await engine.state.killSwitch.set({ stopped: true, by: 'ada', reason: 'drill' });
    await other.release();
    expect(await other.handle.result()).toBe('released');
    await engine.state.killSwitch.set({ stopped: false, by: 'ada', reason: 'over' });
  });
});
