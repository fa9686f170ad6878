import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findUse } from '../../../activities/credentials/find-use.ts';
import { most } from '../../../activities/credentials/find-use/contract.ts';
import { outputsOf, recordOf } from '../../../activities/credentials/find-use/summary.ts';
import { Uses, type Use } from '../../../activities/credentials/find-use/use.ts';
import { accountRegistry } from '../../../activities/aws/accounts.ts';
import type { Mandate, Plan } from '../../../domain/action.ts';
import type { EvidenceStore } from '../../../domain/evidence.ts';
import type { JsonObject } from '../../../domain/json.ts';
import type { RegistryEvent } from '../../../domain/registry-event.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { openEvidence } from '../../../stores/evidence.ts';
import { openRegistryEvents, type FileRegistryEvents } from '../../../stores/registry-events.ts';
import { catalogue } from '../../../worker/catalogue.ts';
import { readingContext } from '../../support/action-context.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

type Action = ReturnType<typeof findUse>;
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

let dir: string;
let evidence: EvidenceStore;
let store: FileRegistryEvents;
let action: Action;
let now: Date;

beforeEach(async () => {
  dir = await temporaryDirectory();
  evidence = await openEvidence(join(dir, 'evidence'), { maxArtefactBytes: 1e8, maxTotalBytes: 1e8 });
  now = new Date('2026-01-01T00:00:00.000Z');
  store = await openRegistryEvents(join(dir, 'events'), undefined, () => now);
  action = findUse({
    accounts: accountRegistry([]),
    registries: [
      { kind: 'basic-auth', name: 'images', environment: 'production', url: 'http://r', htpasswd: 's/p' },
    ],
    auditLogs: [{ cluster: 'shop', environment: 'production', files: [] }],
    registryEvents: store,
  });
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const registryUser = { registryUser: { registry: 'images', name: 'ci' } };
const context = () => readingContext(evidence, () => now);
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 1, 0, minutes)).toISOString();

function event(id: string, minutes: number, given: Partial<RegistryEvent> = {}): RegistryEvent {
  return {
    id,
    at: at(minutes),
    action: 'push',
    actor: 'ci',
    address: '10.0.0.1:50412',
    agent: 'docker',
    repository: 'acme/shop',
    tag: 'v1',
    digest: digest('a'),
    image: true,
    ...given,
  };
}

async function planned(window: JsonObject): Promise<{ plan: Plan; mandate: Mandate<never> }> {
  const input = action.input.parse({ credential: registryUser, window });
  const ask = { incident: 'inc-1', step: 'used' };
  const plan = await action.plan(context(), { ...ask, input });
  return { plan, mandate: { ...ask, input: input as never, authority: plan.authority, base: plan.snapshot } };
}

test('the whole way: a plan that freezes the window, a list in evidence, and a second look', async () => {
  await store.append('images', { events: [event('seed', 0, { actor: 'ana' })] });
  now = new Date(at(60));
  const { plan, mandate } = await planned({ last: '1h' });
  expect(plan).toMatchObject({
    authority: {
      targets: [{ kind: 'RegistryUser', cluster: 'registry:images', name: 'user/ci', uid: 'ci' }],
      undo: 'none',
    },
    facts: [{ cluster: 'registry:images', namespace: '', principal: 'user/ci', environment: 'production' }],
    changeCount: 0,
  });
  expect(plan.authority.rule).toContain('from 2026-01-01T00:00:00.000Z until it is read');

  await store.append('images', {
    events: [
      event('1', 30),
      event('2', 20, { action: 'pull', tag: '', digest: digest('b') }),
      event('3', 40, { tag: 'v2', digest: digest('0') }),
      event('4', 41, { image: false, tag: '', digest: digest('c') }),
      event('5', 42, { tag: '', digest: 'sha256:short' }),
      event('6', 120),
    ],
  });
  // People took their time: the window goes on until it is read.
  now = new Date(at(50));
  const { outputs, artefacts, unavailable } = await action.apply(context(), mandate);
  expect(outputs).toEqual({
    since: at(0),
    until: at(50),
    first: at(20),
    last: at(42),
    events: 5,
    digests: [digest('0'), digest('a')],
    digestCount: 2,
    tags: [
      { repository: 'acme/shop', tag: 'v2', digest: digest('0'), at: at(40) },
      { repository: 'acme/shop', tag: 'v1', digest: digest('a'), at: at(30) },
    ],
    tagCount: 2,
    principals: ['ci'],
    principalCount: 1,
    addresses: ['10.0.0.1'],
    addressCount: 1,
    complete: false,
    unavailable: [{ what: 'the digest of push 5', why: 'it is not one' }],
    evidence: artefacts[0]?.digest,
  });
  expect(unavailable).toEqual(outputs['unavailable']);
  const [kept] = await evidence.index('inc-1');
  expect(kept).toMatchObject({ name: 'credential-use/used/uses.json', ref: artefacts[0] });
});

test('a second look tells what came later, and what should have been there', async () => {
  await store.append('images', { events: [event('seed', 0, { actor: 'ana' }), event('1', 10)] });
  const { mandate } = await planned({ since: at(-5) });
  now = new Date(at(20));
  const incomplete = await action.verify(context(), mandate);
  expect(incomplete).toMatchObject({
    verdict: 'unverifiable',
    claims: [{ detail: expect.stringContaining('not kept') }],
  });

  const { mandate: within } = await planned({ since: at(1) });
  await action.apply(context(), within);
  expect(await action.verify(context(), within)).toMatchObject({ state: 'in-place', verdict: 'verified' });

  now = new Date(at(30));
  await store.append('images', { events: [event('2', 25)] });
  const later = await action.verify(context(), within);
  // An attacker who goes on stops nothing.
  expect(later).toMatchObject({ verdict: 'verified' });
  expect(later.claims[1]?.detail).toContain('1 more came after it');

  await store.append('images', { events: [event('3', 15)] });
  const late = await action.verify(context(), within);
  expect(late).toMatchObject({ state: 'partial', verdict: 'unverifiable' });
  expect(late.claims[1]?.detail).toContain('1 of that time showed up since');
  // Run again, the step has all of them.
  expect((await action.apply(context(), within)).outputs).toMatchObject({ events: 3, complete: true });
  expect(await action.verify(context(), within)).toMatchObject({ verdict: 'verified' });
});

test('evidence that was altered is no evidence', async () => {
  await store.append('images', { events: [event('1', 0)] });
  now = new Date(at(20));
  const { mandate } = await planned({ since: at(0) });
  await action.apply(context(), mandate);
  const broken: EvidenceStore = {
    ...evidence,
    get: (ref) =>
      ref.digest === mandate.base.digest ? evidence.get(ref) : Promise.reject(new Error('altered')),
  };
  expect(
    await action.verify(
      readingContext(broken, () => now),
      mandate,
    ),
  ).toMatchObject({ verdict: 'failed' });
});

test('no notification is not "no use": nothing is complete before the first, nor after one that was lost', async () => {
  now = new Date(at(20));
  const { mandate } = await planned({ last: '1h' });
  expect((await action.apply(context(), mandate)).outputs).toMatchObject({
    events: 0,
    complete: false,
    unavailable: [{ why: expect.stringContaining('none ever came') }],
  });
  await store.append('images', { events: [event('1', 19)] });
  expect((await action.apply(context(), mandate)).outputs).toMatchObject({
    events: 1,
    unavailable: [{ why: expect.stringContaining('nothing before is known') }],
  });
  const { mandate: after } = await planned({ since: at(19) });
  await store.append('images', {
    events: [],
    unreadable: [{ digest: `sha256:${'0'.repeat(64)}`, size: 1, why: 'x' }],
  });
  const { outputs } = await action.apply(context(), after);
  expect(outputs['unavailable']).toContainEqual(
    expect.objectContaining({ why: expect.stringContaining('could not be read') }),
  );
});

test.each([
  [{}, 'exactly one'],
  [{ ...registryUser, token: { cluster: 'shop', id: 'aaaaaaaa' } }, 'exactly one'],
  [{ accessKey: { account: 'a', id: 'wJalrXUtnFEMI/K7MDENG' } }, 'must be the id of an access key'],
  [{ registryUser: { registry: 'images', name: 'ci,op_time=[~]' } }, 'no comma'],
  [{ registryUser: { registry: 'images', name: 'ci\u202e' } }, 'no control characters'],
  [{ serviceAccount: { cluster: 'shop', namespace: 'a:b', name: 'x' } }, 'Kubernetes name'],
])('a credential such as %j is refused', (credential, why) => {
  const parsed = action.input.safeParse({ credential, window: { last: '1h' } });
  expect(parsed.error?.message).toContain(why);
});

test.each([
  [{}, 'either last, or since'],
  [{ last: '1h', since: at(0) }, 'either last, or since'],
  [{ last: '1h', until: at(0) }, 'goes with since'],
  [{ since: 'yesterday' }, 'must be a time'],
])('a window such as %j is refused', (window, why) => {
  expect(action.input.safeParse({ credential: registryUser, window }).error?.message).toContain(why);
});

const planFor = (credential: JsonObject, window: JsonObject = { last: '1h' }) =>
  action.plan(context(), { incident: 'i', step: 's', input: action.input.parse({ credential, window }) });

test('a window that is empty, and systems that are not there, are told by number', async () => {
  await expect(planFor(registryUser, { since: at(5), until: at(5) })).rejects.toThrow(/^FB3702/);
  await expect(planFor(registryUser, { since: at(5) })).rejects.toThrow(/^FB3702/);
  await expect(planFor({ registryUser: { registry: 'x', name: 'ci' } })).rejects.toThrow(
    /^FB3701: .*configured: images/,
  );
  await expect(planFor({ token: { cluster: 'shop', id: 'aaaaaaaa' } })).rejects.toThrow(
    /^FB3701: .*no auditLog/,
  );
  await expect(planFor({ accessKey: { account: 'x', id: `AKIA${'A'.repeat(16)}` } })).rejects.toThrow(
    /^FB3301/,
  );
});

test('outputs are bounded, counted and fit for people, whatever was found', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 50 }), fc.constant('\u202e\n'.repeat(600)));
  const use: fc.Arbitrary<Use> = fc.record({
    id: text,
    at: fc.nat(1e6).map((ms) => new Date(Date.UTC(2026, 0, 1) + ms).toISOString()),
    principal: text,
    action: text,
    on: text,
    address: text,
    agent: text,
    outcome: text,
    pushed: fc.record({
      repository: text,
      tag: text,
      digest: fc.oneof(
        text,
        fc.nat(2_000).map((n) => `sha256:${String(n).padStart(64, '0')}`),
      ),
    }),
  });
  const window = { since: new Date(0), until: new Date() };
  fc.assert(
    fc.property(fc.array(use, { maxLength: 700 }), (found) => {
      const uses = new Uses();
      for (const one of found) uses.add(one);
      const list = uses.list();
      const outputs = outputsOf(
        recordOf('x', window, { uses: list, left: 0, unavailable: uses.unavailable }),
        '',
      );
      const digests = outputs['digests'] as string[];
      expect(digests).toEqual([...new Set(digests)].toSorted());
      for (const one of digests) expect(one).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(digests.length).toBe(Math.min(most.digests, outputs['digestCount'] as number));
      expect(JSON.stringify(outputs)).not.toMatch(/\p{Cc}|\u202e/u);
      expect(JSON.stringify(outputs).length).toBeLessThan(500_000);
      expect(outputs['first']).toBe(list.map((one) => one.at).toSorted()[0] ?? '');
    }),
    { numRuns: 30 },
  );
});

const compile = (source: string) => compilePlaybook({ file: 'p.yaml', text: source }, catalogue().signatures);

test('a playbook hands what was found to later steps, and expressions stand for any part', () => {
  const text = `
id: T-1
name: Who used it
version: 1
inputs:
  user: { type: string }
  leaked_at: { type: string }
steps:
  - id: used
    uses: credentials.find-use
    with:
      credential: { registryUser: { registry: images, name: "\${{ inputs.user }}" } }
      window: { since: "\${{ inputs.leaked_at }}" }
  - id: told
    if: "!steps.used.outputs.complete || size(steps.used.outputs.digests) > 0"
    set: { digests: "\${{ steps.used.outputs.digests }}" }
`;
  expect(compile(text)).toHaveProperty('ok');
  const both = text.replace('credential: {', 'credential: { token: { cluster: a, id: aaaaaaaa },');
  expect(compile(both)).toMatchObject({ problems: [{ code: 'FB2030' }] });
  const none = text.replace(/credential: .*/, 'credential: {}');
  expect(compile(none)).toMatchObject({ problems: [{ code: 'FB2030' }] });
});
