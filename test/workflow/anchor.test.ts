import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { alertsSignal } from '../../workflows/contract.ts';
import { alertFor } from '../support/alert.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { Switchboard } from '../support/switchboard.ts';

const actions = [new Switchboard().action()];
let engine: Engine;

beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions);
});
afterAll(() => engine.stop());

/** How many times the history tells of the ledger, and what it told last. */
async function anchors({ handle }: OpenIncident): Promise<{ count: number; memo: unknown }> {
  const { events } = await handle.fetchHistory();
  const told = (events ?? []).filter(
    ({ workflowPropertiesModifiedEventAttributes: modified }) =>
      modified?.upsertedMemo?.fields?.['ledger'] !== undefined,
  );
  return { count: told.length, memo: (await handle.describe()).memo?.['ledger'] };
}

test('a workflow task that only notes an entry leaves a trace of it, and one that does more leaves none', async () => {
  const incident = await engine.open({ actions });
  await incident.decide('ada');
  const { ledger } = await incident.until(({ status }) => status === 'holding');
  const before = await anchors(incident);
  await incident.handle.signal(alertsSignal, [alertFor('quiet', 'falco', 'later')]);
  await incident.until(({ ledger: { count } }) => count > ledger.count);
  await expect(anchors(incident)).resolves.toEqual({ count: before.count + 1, memo: ledger.count + 1 });
  // A copy is counted and not noted.
  await incident.handle.signal(alertsSignal, [alertFor('quiet', 'falco', 'later')]);
  await incident.release();
  expect(await incident.handle.result()).toBe('released');
  expect((await anchors(incident)).count).toBe(before.count + 1);
});
