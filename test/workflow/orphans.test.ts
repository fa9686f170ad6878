import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { holdsWorkflowId } from '../../workflows/contract.ts';
import { entryHash, genesis } from '../../domain/ledger.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { Switchboard } from '../support/switchboard.ts';

/** Somebody terminates, cancels or forks things at the worst moment: a containment must neither fall nor stay for ever. */
let engine: Engine;
const world = new Switchboard();
const actions = [world.action()];
/** By activity: what its next attempts wait for once they have begun, one each. */
const stops = new Map<string, Promise<void>[]>();

beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions, async ({ activity, boundary }) => {
    if (boundary === 'recorded') await stops.get(activity)?.shift();
  });
}, 120_000);
afterAll(async () => {
  await engine.stop();
});

/** Holds up the next attempt of an activity until what it returns is called. */
function stop(activity: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  stops.set(activity, [...(stops.get(activity) ?? []), promise]);
  return resolve;
}

async function contained(namespace: string): Promise<OpenIncident> {
  const incident = await engine.open({ actions, namespace });
  await incident.decide('ada');
  await incident.until(({ status }) => status === 'holding');
  return incident;
}

describe('holds', () => {
  test('of an incident that was terminated do not keep the next one from releasing', async () => {
    const dead = await contained('orphan');
    await dead.handle.terminate('by mistake');
    const next = await contained('orphan');
    await next.release();
    expect(await next.handle.result()).toBe('released');
    expect(world.on.has('orphan')).toBe(false);
    const entries = await checkLedger(engine, next);
    expect(entries.find(({ kind }) => kind === 'hold.inherited')?.data['from']).toEqual([dead.incident]);
  });

  test('of an incident that was terminated while it restored can be acquired again', async () => {
    const dead = await contained('half');
    const go = stop('test.switch.undo');
    await dead.release();
    await dead.until(({ status }) => status === 'releasing');
    const holds = engine.client.workflow.getHandle(holdsWorkflowId('c1'));
    const restoring = async () =>
      Object.values(await holds.query<Record<string, { restoring?: string }>>('targets')).some(
        (target) => target.restoring === dead.incident,
      );
    while (!(await restoring())) await new Promise((resolve) => setTimeout(resolve, 30));
    await dead.handle.terminate('by mistake');
    go();
    const next = await contained('half');
    await next.release();
    expect(await next.handle.result()).toBe('released');
    expect(world.on.has('half')).toBe(false);
  });

  test('that were lost altogether: a release still restores, to the snapshot that its incident knows', async () => {
    const incident = await contained('lost');
    await engine.client.workflow.getHandle(holdsWorkflowId('c1')).terminate('by mistake');
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
    expect(world.on.has('lost')).toBe(false);
  });
});

test('an incident is not ended by a cancel in Temporal: what it holds can still be released', async () => {
  const incident = await contained('cancelled');
  await incident.handle.cancel();
  expect((await incident.view()).status).toBe('holding');
  await incident.release();
  expect(await incident.handle.result()).toBe('released');
  expect(world.on.has('cancelled')).toBe(false);
});

test('a handback that was sent twice does not undo the takeover that came between', async () => {
  const incident = await contained('twice');
  await incident.command('ben', 'takeover');
  const first = stop('test.switch.verify');
  const second = stop('test.switch.verify');
  await incident.command('ben', 'handback');
  await incident.command('ben', 'handback');
  first();
  await incident.until(({ status }) => status !== 'taken-over');
  await incident.command('ada', 'takeover');
  const { count } = (await incident.view()).ledger;
  second();
  await incident.until(({ ledger }) => ledger.count > count + 2);
  expect((await incident.view()).status).toBe('taken-over');
  await incident.command('ada', 'handback');
  await incident.until(({ status }) => status === 'holding');
  await incident.release();
  await incident.handle.result();
});

test('while Slack does not answer, an approval after the escalation contains at once', async () => {
  const approve = { from: ['responders'], count: 1, withinMs: 8_000, otherwise: 'escalate' as const };
  const go = stop('slack.ask');
  const incident = await engine.open({
    actions,
    namespace: 'mute',
    steps: [{ approve }],
  });
  await incident.until(({ gates }) => gates[0]?.escalated === true);
  const before = Date.now();
  await incident.decide('eve');
  await incident.until(({ steps }) => steps[0]?.status === 'held');
  expect(Date.now() - before).toBeLessThan(5_000);
  go();
  await incident.release();
  await incident.handle.result();
  await checkLedger(engine, incident);
});

test('a forked ledger fails the incident, also when a message finds it: it is never stuck', async () => {
  const incident = await contained('forked');
  const { count } = (await incident.view()).ledger;
  const body = {
    v: 1 as const,
    incident: incident.incident,
    seq: count + 1,
    prev: genesis(incident.incident),
    at: new Date().toISOString(),
    kind: 'alert.joined',
    data: {},
  };
  await engine.state.ledger.append([{ ...body, hash: entryHash(body) }]);
  await incident.command('ada', 'release');
  await expect(incident.handle.result()).rejects.toMatchObject({
    cause: { cause: { type: 'LedgerConflict' } },
  });
  expect(world.on.has('forked')).toBe(true);
});
