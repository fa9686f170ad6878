import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { forgeRegistry } from '../../activities/ci/forges.ts';
import { gitlabRotateToken } from '../../activities/ci/gitlab-rotate-token.ts';
import type { Action } from '../../domain/action.ts';
import { Secret } from '../../domain/secret.ts';
import { LEVELS, startGitLab, type GitLabTestbed, type Resource, type Token } from '../../testbed/gitlab.ts';
import { contextOf, type Intents } from '../support/action-context.ts';
import { killedEverywhere, planned, serviceWorld, type ServiceWorld } from '../support/service-world.ts';

type Rotate = ReturnType<typeof gitlabRotateToken>;
type Input = Rotate extends Action<infer I> ? I : never;

let gitlab: GitLabTestbed;
let world: ServiceWorld;
let shop: Resource;
let engineToken: Token;
let leaked: Token;
let rotate: Rotate;
let input: Input;

beforeEach(async () => {
  [gitlab, world] = await Promise.all([startGitLab(), serviceWorld()]);
  const engine = gitlab.addUser('firebreak');
  shop = gitlab.addResource('project', 'acme/shop', [[engine, LEVELS.maintainer]]);
  engineToken = gitlab.addPersonalToken(engine, ['api'], 'engine');
  leaked = gitlab.addAccessToken(shop, ['read_repository', 'write_registry']);
  await world.put('ci/deploy', leaked.value);
  rotate = gitlabRotateToken({ forges: forges(), secrets: world.secrets });
  input = { forge: 'acme', project: 'acme/shop', token: leaked.id, secret: 'vault/ci/deploy' };
});

afterEach(() => gitlab.stop());

const forges = () =>
  forgeRegistry([
    {
      name: 'acme',
      environment: 'production',
      kind: 'gitlab',
      url: gitlab.url,
      token: async () => new Secret(engineToken.value),
    },
  ]);

/** A clock on which whatever was sent before has settled long ago. */
const later = () => {
  let minutes = 0;
  return { now: () => new Date(Date.now() + (minutes += 2) * 60_000) };
};

/** On this one time passes only once GitLab is through with it. */
const onceRevoked = () => new Date(Date.now() + (leaked.revoked ? 120_000 : 0));

const rotations = () => gitlab.calls.filter(({ path }) => path.endsWith('/rotate'));
const active = () => gitlab.state.tokens.filter((token) => token.resource === shop && !token.revoked);

/** The end that counts: the leaked one is dead, and what is stored is the one living token of the family. */
async function expectOneStored() {
  expect(leaked.revoked).toBe(true);
  const living = active();
  expect(living).toHaveLength(1);
  expect(await world.stored('ci/deploy')).toBe(living[0]?.value);
  expect(living[0]).toMatchObject({
    name: leaked.name,
    scopes: leaked.scopes,
    user: leaked.user,
    expires: leaked.expires,
  });
  // GitLab would have revoked the successor as well.
  const sentFor = rotations()
    .filter(({ status }) => status !== undefined)
    .map(({ path }) => path);
  expect(new Set(sentFor).size).toBe(sentFor.length);
}

test('a token is rotated, stored, and proven: the old value gets 401, the new one is accepted', async () => {
  const { plan, mandate } = await planned(world, rotate, input);
  expect(plan.authority.exact).toBeDefined();
  expect(plan.facts[0]).toMatchObject({ principal: `project/acme/shop/token/${leaked.id}`, supports: [] });
  const intents: Intents = new Map();
  const context = contextOf(world.evidence, { intents });
  const applied = await rotate.apply(context, mandate);
  expect(applied.measures).toMatchObject({ lostAnswers: 0 });
  expect(rotations()).toHaveLength(1);
  await expectOneStored();
  const verified = await rotate.verify(contextOf(world.evidence), mandate);
  expect(verified).toMatchObject({ state: 'in-place' });
  expect(verified.claims.map(({ verdict }) => verdict)).toEqual(['verified', 'verified', 'evaluated']);
  const kept = await Promise.all([plan.snapshot, plan.full].map((ref) => world.evidence.get(ref)));
  const texts = kept.map((bytes) => new TextDecoder().decode(bytes));
  const said = JSON.stringify([plan, applied, verified, [...intents], context.boundaries, texts]);
  for (const { value } of gitlab.state.tokens) expect(said).not.toContain(value);
});

test('the answer is lost after GitLab carried it out: the token is rotated once, and a valid one is stored', async () => {
  const { mandate } = await planned(world, rotate, input);
  gitlab.fault({ kind: 'lost' }, { path: /\/rotate$/ });
  const applied = await rotate.apply(contextOf(world.evidence), mandate);
  expect(applied.measures).toMatchObject({ lostAnswers: 1 });
  expect(rotations().filter(({ path }) => path.includes(`/${leaked.id}/`))).toHaveLength(1);
  await expectOneStored();
  expect(await rotate.verify(contextOf(world.evidence), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'evaluated',
  });
});

test('several answers are lost one after the other', async () => {
  const { mandate } = await planned(world, rotate, input);
  gitlab.fault({ kind: 'lost' }, { path: /\/rotate$/, calls: 3 });
  const applied = await rotate.apply(contextOf(world.evidence), mandate);
  expect(applied.measures).toMatchObject({ lostAnswers: 3 });
  await expectOneStored();
});

test('the connection breaks before GitLab did anything: it is sent again once that is certain', async () => {
  const { mandate } = await planned(world, rotate, input);
  gitlab.fault({ kind: 'refused' }, { path: /\/rotate$/ });
  await rotate.apply(contextOf(world.evidence, later()), mandate);
  expect(rotations()).toHaveLength(2);
  await expectOneStored();
});

test.each([
  ['busy', { kind: 'ratelimited', retryAfter: 0 }],
  ['an edge answers 502', { kind: 'status', status: 502 }],
] as const)('%s: it is sent again, and the token is rotated once', async (_what, fault) => {
  const { mandate } = await planned(world, rotate, input);
  gitlab.fault(fault, { path: /\/rotate$/ });
  await rotate.apply(contextOf(world.evidence, later()), mandate);
  await expectOneStored();
});

test('a slow rotation is waited for, never sent twice', async () => {
  const { mandate } = await planned(world, rotate, input);
  const intents: Intents = new Map();
  gitlab.fault({ kind: 'delay', ms: 3_000 }, { path: /\/rotate$/ });
  // The first worker is given up while GitLab still works on its call.
  const gone = new AbortController();
  const first = rotate.apply({ ...contextOf(world.evidence, { intents }), signal: gone.signal }, mandate);
  first.catch(() => undefined);
  await gitlab.sawCall(/\/rotate$/);
  gone.abort(new Error('the worker was stopped'));
  await expect(first).rejects.toThrow();
  await rotate.apply(contextOf(world.evidence, { intents, now: onceRevoked }), mandate);
  expect(rotations().filter(({ path }) => path.includes(`/${leaked.id}/`))).toHaveLength(1);
  await expectOneStored();
});

test('killed at every boundary: one valid token is stored, and none rotated twice', async () => {
  const { mandate } = await planned(world, rotate, input);
  const { killedAt, result } = await killedEverywhere(world, rotate, 'apply', mandate, later());
  expect(killedAt).toEqual([`intended rotate token ${leaked.id}`, 'rotate token', 'stored vault/ci/deploy']);
  expect(result.already).toBe(1);
  await expectOneStored();
});

test('two workers at once, one of them slow to store: what is stored at the end is alive', async () => {
  const { mandate } = await planned(world, rotate, input);
  const intents: Intents = new Map();
  const arrived = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const slowVault = {
    ...world.vault,
    async write(...args: Parameters<typeof world.vault.write>) {
      arrived.resolve();
      await go.promise;
      return world.vault.write(...args);
    },
  };
  const slow = gitlabRotateToken({
    forges: forges(),
    secrets: () => ({ store: slowVault, path: 'ci/deploy' }),
  });
  const one = slow.apply(contextOf(world.evidence, { intents }), mandate);
  await arrived.promise;
  const atBoundary = (name: string) => {
    if (name.startsWith('await')) go.resolve();
  };
  const other = await rotate.apply(contextOf(world.evidence, { intents, atBoundary }), mandate);
  expect(other.already).toBe(1);
  await one;
  expect(rotations()).toHaveLength(1);
  await expectOneStored();
});

test('the store fails right after the answer: the next attempt replaces the value that is lost', async () => {
  const { mandate } = await planned(world, rotate, input);
  let failing = true;
  const broken = {
    ...world.vault,
    write: (...args: Parameters<typeof world.vault.write>) =>
      failing ? Promise.reject(new Error('disk')) : world.vault.write(...args),
  };
  const action = gitlabRotateToken({
    forges: forges(),
    secrets: () => ({ store: broken, path: 'ci/deploy' }),
  });
  const intents: Intents = new Map();
  await expect(action.apply(contextOf(world.evidence, { intents }), mandate)).rejects.toThrow('disk');
  failing = false;
  await action.apply(contextOf(world.evidence, { intents, ...later() }), mandate);
  await expectOneStored();
});

test('somebody else rotates first: nothing is sent, so that their new token lives', async () => {
  const { mandate } = await planned(world, rotate, input);
  const theirs = await fetch(`${gitlab.url}/api/v4/projects/acme%2Fshop/access_tokens/${leaked.id}/rotate`, {
    method: 'POST',
    headers: { 'private-token': engineToken.value },
  });
  expect(theirs.status).toBe(200);
  await expect(rotate.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'Drift' });
  expect(rotations()).toHaveLength(1);
  expect(active()).toHaveLength(1);
  expect(await world.stored('ci/deploy')).toBe(leaked.value);
});

test.each([
  ['arrives', 'FB3533'],
  ['is lost', 'Drift'],
])('somebody else writes the secret, and the answer %s: what they wrote stays', async (how, type) => {
  const { mandate } = await planned(world, rotate, input);
  if (how === 'is lost') gitlab.fault({ kind: 'lost' }, { path: /\/rotate$/ });
  const atBoundary = async (boundary: string) => {
    if (boundary === `rotate token ${leaked.id}`) await world.put('ci/deploy', 'what-another-team-put-there');
  };
  const intents: Intents = new Map();
  await expect(
    rotate.apply(contextOf(world.evidence, { intents, atBoundary }), mandate),
  ).rejects.toMatchObject({
    type,
    nonRetryable: true,
  });
  await expect(rotate.apply(contextOf(world.evidence, { intents }), mandate)).rejects.toMatchObject({
    type: 'Drift',
  });
  expect(await world.stored('ci/deploy')).toBe('what-another-team-put-there');
  expect(rotations()).toHaveLength(1);
});

test('a personal token, by an administrator', async () => {
  const ana = gitlab.addUser('ana');
  leaked = gitlab.addPersonalToken(ana, ['read_api'], 'laptop');
  gitlab.addPersonalToken(ana, ['read_api'], 'another of hers');
  engineToken = gitlab.addPersonalToken(gitlab.addUser('root', { admin: true }), ['api'], 'engine');
  await world.put('ci/deploy', leaked.value);
  const { mandate } = await planned(world, rotate, {
    forge: 'acme',
    token: leaked.id,
    secret: 'vault/ci/deploy',
  });
  gitlab.fault({ kind: 'lost' }, { path: /\/rotate$/ });
  await rotate.apply(contextOf(world.evidence), mandate);
  const living = gitlab.state.tokens.filter(
    ({ user, name, revoked }) => user === ana && name === 'laptop' && !revoked,
  );
  expect(living).toHaveLength(1);
  expect(await world.stored('ci/deploy')).toBe(living[0]?.value);
  expect(await rotate.verify(contextOf(world.evidence), mandate)).toMatchObject({ state: 'in-place' });
});

test('the token that the engine itself uses must not be touched', async () => {
  const { plan } = await planned(world, rotate, {
    forge: 'acme',
    token: engineToken.id,
    secret: 'vault/ci/engine',
  });
  expect(plan.facts[0]?.supports).toHaveLength(1);
});

test('what is stored is another value: it is said, and not claimed as proof', async () => {
  await world.put('ci/deploy', 'something-else-entirely');
  const { plan, mandate } = await planned(world, rotate, input);
  expect(plan.notCovered.map(({ code }) => code)).toContain('stored-value-differs');
  await rotate.apply(contextOf(world.evidence), mandate);
  const { claims } = await rotate.verify(contextOf(world.evidence), mandate);
  expect(claims[0]).toMatchObject({ verdict: 'evaluated' });
});

test('before it is applied, verification fails', async () => {
  const { mandate } = await planned(world, rotate, input);
  const verified = await rotate.verify(contextOf(world.evidence), mandate);
  expect(verified).toMatchObject({ state: 'absent', verdict: 'failed' });
});

test('without the right to it nothing changes, and the message says what is missing', async () => {
  const { mandate } = await planned(world, rotate, input);
  engineToken.scopes = ['read_api'];
  await expect(rotate.apply(contextOf(world.evidence), mandate)).rejects.toThrow(
    /FB3502.*insufficient_scope/,
  );
  expect(active()).toEqual([leaked]);
});
