import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { meaning } from '../../activities/kubernetes/quarantine/marks.ts';
import { resources } from '../../activities/kubernetes/resources.ts';
import { contextOf } from '../support/action-context.ts';
import { podsAndNamespaces, policySpec } from '../support/arbitrary-policies.ts';
import { openConnections, type OraclePolicy } from '../support/network-oracle.ts';
import {
  createNamespace,
  mandateOf,
  openHouse,
  pod,
  policy,
  requestFor,
  type House,
} from '../support/quarantine-house.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

/** Each run takes seconds of a real API server; the many runs are in memory, in the unit tests of the policies. */
const numRuns = Number(process.env['FIREBREAK_PROPERTY_RUNS'] ?? 8);
const seed = Number(process.env['FIREBREAK_PROPERTY_SEED'] ?? Date.now() % 2 ** 31);

const worlds = fc.record({
  world: podsAndNamespaces,
  specs: fc.array(policySpec, { minLength: 1, maxLength: 5 }),
  /** Index of a policy in whose place somebody puts another while the namespace is held. */
  meddled: fc.option(fc.nat(4)),
});

test('any policies: nothing is allowed while quarantined, and all is as before afterwards, or a named conflict', async () => {
  // To run the same worlds again.
  process.stderr.write(`FIREBREAK_PROPERTY_SEED=${seed}\n`);
  let run = 0;
  let openBefore = 0;
  await fc.assert(
    fc.asyncProperty(worlds, async ({ world, specs, meddled }) => {
      const namespace = `world-${++run}`;
      const { admin, quarantine, evidence } = house;
      await createNamespace(admin, namespace);
      const at = { ...resources.networkPolicies, namespace };
      for (const [index, spec] of specs.entries())
        await admin.create(at, policy(namespace, `p-${index}`, spec));
      const own = world.pods.filter((each) => each.namespace === 'shop');
      await Promise.all(
        own.map(({ name, labels }) =>
          admin.create({ ...resources.pods, namespace }, pod(namespace, name, labels)),
        ),
      );
      const seenBy = async () => {
        const policies = (await admin.list(at)).items as OraclePolicy[];
        const asShop = policies.map((each) => ({
          ...each,
          metadata: { ...each.metadata, namespace: 'shop' },
        }));
        return openConnections({ ...world, policies: asShop }, 'shop');
      };
      const policies = async () =>
        new Map((await admin.list(at)).items.map((each) => [each.metadata.name, meaning(each)]));
      const before = await policies();
      const open = await seenBy();
      if (open.length > 0) openBefore++;

      const plan = await quarantine.plan(contextOf(evidence), requestFor(namespace));
      const mandate = mandateOf(plan, namespace);
      await quarantine.apply(contextOf(evidence), mandate);
      expect(await seenBy()).toEqual([]);
      expect(await quarantine.verify(contextOf(evidence), mandate)).toMatchObject({
        state: 'in-place',
        verdict: 'evaluated',
      });

      const removed = plan.changes.filter(({ verb }) => verb === 'delete').map(({ object }) => object.name);
      const taken = meddled === null ? undefined : removed[meddled];
      const theirs = { podSelector: { matchLabels: { meddled: 'yes' } }, policyTypes: ['Ingress'] };
      if (taken !== undefined) {
        const rita = await house.as('rita', ['shop-responders', 'system:masters']);
        await rita.create(at, policy(namespace, taken, theirs));
      }
      const undone = await quarantine.undo(contextOf(evidence), mandate);
      expect(undone.conflicts.map(({ object }) => object)).toEqual(
        taken === undefined ? [] : [`networkpolicies/${taken}`],
      );
      const after = await policies();
      if (taken !== undefined) {
        expect(after.get(taken)?.['spec']).toEqual(theirs);
        after.delete(taken);
        before.delete(taken);
      }
      expect(after).toEqual(before);
      if (taken === undefined) expect(await seenBy()).toEqual(open);
    }),
    { numRuns, seed, endOnFailure: true },
  );
  expect(openBefore).toBeGreaterThan(numRuns / 4);
}, 180_000);
