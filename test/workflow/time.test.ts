import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { whyNoTimeSkipping } from '../../testbed/time-skipping.ts';
import { Engine } from '../support/engine.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { Switchboard } from '../support/switchboard.ts';

const hour = 3_600_000;
const day = 24 * hour;

const obstacle = await whyNoTimeSkipping();
if (obstacle !== undefined) process.stderr.write(`test/workflow/time: skipped: ${obstacle}\n`);
const timed = obstacle === undefined ? test : test.skip;

const world = new Switchboard();
const actions = [
  world.action(),
  { ...world.action('test.change'), effect: 'reversible' as const, holds: false },
];
let engine: Engine;

beforeAll(async () => {
  if (obstacle !== undefined) return;
  engine = await Engine.start({ timeSkipping: true });
  await engine.work(actions);
}, 120_000);
afterAll(async () => {
  if (obstacle === undefined) await engine.stop();
});

/** What the ledger says of some kinds of entries, each with the whole hours since the incident was opened. */
async function told(incident: string, kinds: string[]): Promise<string[]> {
  const entries = await engine.state.ledger.read(incident);
  const opened = Date.parse(entries[0]?.at ?? '');
  return entries
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ at, kind }) => `${kind} +${Math.floor((Date.parse(at) - opened) / hour)} h`);
}

const approve = { from: ['responders'], count: 1, withinMs: day, otherwise: 'escalate' as const };

timed(
  'an approval that nobody gives escalates after 24 h, and expires after as long again',
  async () => {
    const incident = await engine.open({ actions, namespace: 'unanswered', steps: [{ approve }] });
    const { gate } = await incident.gate();
    expect(Date.parse(gate.expiresAt) - (await engine.now()).getTime()).toBeGreaterThan(47 * hour);

    await engine.pass(day - hour);
    expect((await incident.view()).gates).toMatchObject([{ escalated: false }]);
    await expect(incident.decide('eve')).rejects.toThrow();

    await engine.pass(2 * hour);
    expect((await incident.view()).gates).toMatchObject([{ escalated: true }]);

    await engine.pass(day);
    expect(await incident.handle.result()).toBe('expired');
    expect(world.writes).toBe(0);
    expect(await told(incident.incident, ['gate.opened', 'gate.escalated', 'gate.closed'])).toEqual([
      'gate.opened +0 h',
      'gate.escalated +24 h',
      'gate.closed +48 h',
    ]);
    await checkLedger(engine, incident);
  },
  60_000,
);

timed(
  'an escalation that comes after 24 h lets the leads decide',
  async () => {
    const incident = await engine.open({ actions, namespace: 'escalated', steps: [{ approve }] });
    await incident.gate();
    await engine.pass(day + hour);
    await incident.decide('eve');
    await incident.until(({ status }) => status === 'holding');
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    await checkLedger(engine, incident);
  },
  60_000,
);

timed(
  'a hold of 30 days reminds when it has run out, and stands until a person releases it',
  async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- the language's own word
    const hold = { forMs: 30 * day, then: 'escalate' as const };
    const incident = await engine.open({ actions, namespace: 'held', steps: [{ hold }] });
    await incident.decide('ada');
    await incident.until(({ status }) => status === 'holding');
    const writes = world.writes;

    await engine.pass(30 * day - hour);
    expect(await told(incident.incident, ['hold.expired'])).toEqual([]);
    // Another 30 days and another reminder, as long as nobody answers.
    await engine.pass(60 * day);
    expect(await incident.view()).toMatchObject({ status: 'holding', steps: [{ status: 'held' }] });
    expect(world.on).toContain('held');
    expect(world.writes).toBe(writes);

    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    expect(world.on).not.toContain('held');
    expect(await told(incident.incident, ['hold.expired'])).toEqual([
      'hold.expired +720 h',
      'hold.expired +1440 h',
    ]);
    await checkLedger(engine, incident);
  },
  60_000,
);

timed(
  'what a cancel keeps open, though it holds nothing, is reminded of until somebody ends it',
  async () => {
    const incident = await engine.open({
      actions,
      namespace: 'kept',
      policy: { holdMs: day },
      playbook: {
        steps: [
          {
            kind: 'action',
            id: 'change',
            uses: 'test.change',
            with: { literal: { cluster: 'c1', namespace: 'kept' } },
            needs: [],
            undo: 'on-failure',
          },
          { kind: 'wait', id: 'pause', forMs: 60 * day, needs: ['change'] },
        ],
      },
    });
    await incident.decide('ada');
    await incident.until(({ steps }) =>
      steps.some(({ id, status }) => id === 'pause' && status === 'running'),
    );
    await incident.cancel('ada', 'hold');
    await engine.pass(day - hour);
    expect(await told(incident.incident, ['incident.kept'])).toEqual([]);
    await engine.pass(day + 2 * hour);
    expect((await incident.view()).outcome).toBeUndefined();

    await incident.cancel('ben', 'stop');
    expect(await incident.handle.result()).toBe('cancelled');
    expect(await told(incident.incident, ['incident.kept'])).toEqual([
      'incident.kept +24 h',
      'incident.kept +48 h',
    ]);
    expect(world.on).toContain('kept');
    const entries = await checkLedger(engine, incident);
    expect(
      entries.filter(
        ({ kind, data }) => kind === 'notice.told' && JSON.stringify(data['about'])?.startsWith('"kept/'),
      ),
    ).toHaveLength(2);
  },
  60_000,
);
