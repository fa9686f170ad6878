import { expect, test } from '@jest/globals';
import { loadSnapshot, storeSnapshot } from '../../../activities/kubernetes/quarantine/snapshot.ts';
import type { NetworkPolicy } from '../../../activities/kubernetes/network-policy.ts';
import type { ActionContext } from '../../../domain/action.ts';
import { sha256, type Digest } from '../../../domain/json.ts';

/** A store in memory that remembers how large its artefacts are. */
function storeOf() {
  const kept = new Map<Digest, Uint8Array>();
  const context = {
    evidence: {
      put: (text: string, mediaType: string) => {
        const digest = sha256(text);
        kept.set(digest, Buffer.from(text));
        return Promise.resolve({ digest, size: text.length, mediaType });
      },
      get: ({ digest }: { digest: Digest }) => Promise.resolve(kept.get(digest)),
    },
  } as unknown as ActionContext;
  return { context, sizes: () => [...kept.values()].map(({ length }) => length) };
}

function snapshotOf(networkPolicies: NetworkPolicy[]) {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', uid: 'u' } };
  return { v: 1 as const, cluster: 'c', takenAt: '2026-01-01T00:00:00Z', namespace, networkPolicies };
}

const policyOf = (name: string, note: string): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, annotations: { note } },
  spec: { podSelector: {} },
});

test.each([
  ['none', 0, 1],
  ['a few', 3, 1],
  ['very large ones: in parts, so that no limit of an artefact keeps a plan from being made', 40, 5],
])('a snapshot of policies comes back as it was: %s', async (_, count, artefacts) => {
  const { context, sizes } = storeOf();
  const snapshot = snapshotOf(
    Array.from({ length: count }, (__, index) =>
      policyOf(`p-${index}`, 'é'.repeat(count > 3 ? 1_000_000 : 10)),
    ),
  );
  const ref = await storeSnapshot(context, snapshot);
  expect(await loadSnapshot(context, ref)).toEqual(snapshot);
  expect(sizes()).toHaveLength(artefacts);
  // Text of two bytes a character.
  expect(Math.max(...sizes())).toBeLessThan(2 * 8.1 * 1024 * 1024);
});

test('what is no snapshot is refused', async () => {
  const { context } = storeOf();
  const ref = await context.evidence.put('{"v":1}', 'application/json');
  await expect(loadSnapshot(context, ref)).rejects.toThrow();
});
