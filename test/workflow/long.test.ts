import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Playbook } from '../../language/run/playbook.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { act, onItem } from '../support/steps.ts';
import { Switchboard } from '../support/switchboard.ts';

const world = new Switchboard();
const actions = [world.action('test.read', false)];
let engine: Engine;

beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions);
});
afterAll(() => engine.stop());

/** A step for each of so many items, and the sum of what they yielded. */
function counting(items: number): Pick<Playbook, 'steps' | 'outputs'> {
  return {
    steps: [
      {
        kind: 'foreach',
        id: 'each',
        needs: [],
        items: { literal: Array.from({ length: items }, (_, index) => `ns-${index}`) },
        maxItems: items,
        maxParallel: 20,
        steps: [act('look', 'test.read', onItem())],
        outputs: { at: { cel: 'index' } },
      },
    ],
    outputs: {
      count: { cel: 'steps.each.outputs.count' },
      last: { cel: `steps.each.outputs.items[${items - 1}].at` },
    },
  };
}

async function runsOf({ workflowId }: OpenIncident): Promise<number> {
  let runs = 0;
  for await (const _ of engine.client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) runs += 1;
  return runs;
}

async function expectEachOnce(incident: OpenIncident, items: number): Promise<void> {
  const entries = await engine.state.ledger.read(incident.incident);
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
  const applied = entries.filter(({ kind }) => kind === 'step.applying').map(({ data }) => data['step']);
  expect(new Set(applied).size).toBe(items);
  expect(applied).toHaveLength(items);
  expect((await incident.view()).outputs).toEqual({ count: items, last: items - 1 });
}

test('an incident that continues as new ten times and more loses nothing', async () => {
  const incident = await engine.open({ actions, continueAfter: 250, playbook: counting(300) });
  expect(await incident.handle.result()).toBe('completed');
  await expectEachOnce(incident, 300);
  expect(await runsOf(incident)).toBeGreaterThan(10);
}, 300_000);

test('a loop over 2,000 items ends well, each of them once', async () => {
  const incident = await engine.open({ actions, playbook: counting(2_000) });
  expect(await incident.handle.result()).toBe('completed');
  await expectEachOnce(incident, 2_000);
  expect(await runsOf(incident)).toBeGreaterThan(1);
}, 900_000);
