import { expect, test } from '@jest/globals';
import { boundApplied, boundUndone } from '../../../activities/kubernetes/quarantine/report.ts';
import type { ActionContext, Applied, Change } from '../../../domain/action.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import { sha256 } from '../../../domain/json.ts';

const change = (index: number): Change => ({
  verb: 'delete',
  object: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name: `p-${index}` },
  summary: 'removed',
});
const refOf = (text: string) => ({ digest: sha256(text), size: text.length, mediaType: 'application/json' });
const contextOf = (put: (text: string) => ReturnType<typeof refOf>) =>
  ({ evidence: { put: async (text: string) => put(text) } }) as unknown as ActionContext;

function appliedWith(count: number): Applied {
  const lines = Array.from({ length: count }, (_, index) => index);
  return {
    changes: lines.map(change),
    already: 0,
    measures: {},
    outputs: {},
    artefacts: lines.map((index) => refOf(String(index))),
    unavailable: lines.map((index) => ({ what: String(index), why: 'full' })),
  };
}

test('a result of twenty thousand changes fits a history, and all of them are in the evidence', async () => {
  const stored: string[] = [];
  const context = contextOf((text) => {
    stored.push(text);
    return refOf(text);
  });
  const bounded = await boundApplied(context, appliedWith(20_000));
  expect(JSON.stringify(bounded).length).toBeLessThan(500_000);
  expect(bounded.measures).toEqual({ changes: 20_000 });
  expect(JSON.parse(stored[0] ?? '')).toHaveLength(20_000);
  expect(bounded.artefacts[0]).toEqual(refOf(stored[0] ?? ''));
  expect(bounded.unavailable.at(-1)).toEqual({ what: '19500 more', why: 'as above' });
});

test('a small result stays as it is, and a full store only costs the list', async () => {
  const full = contextOf(() => {
    throw new EvidenceStoreFull('full');
  });
  expect(await boundApplied(full, appliedWith(3))).toEqual({ ...appliedWith(3), measures: { changes: 3 } });
  expect((await boundApplied(full, appliedWith(501))).unavailable[0]).toEqual({
    what: 'all but 500 of the changes',
    why: 'full',
  });
});

test('what a release names is bounded too', () => {
  const notRestored = Array.from({ length: 20_000 }, (_, index) => `networkpolicies/p-${index}`);
  const undone = boundUndone({ changes: [], already: 0, conflicts: [], notRestored, claims: [] });
  expect(undone.notRestored).toHaveLength(501);
  expect(undone.notRestored.at(-1)).toContain('19500 more');
});
