import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { forgeRegistry } from '../../activities/ci/forges.ts';
import { gitlabReplaceVariable } from '../../activities/ci/gitlab-replace-variable.ts';
import { gitlabResetRunnerToken } from '../../activities/ci/gitlab-reset-runner-token.ts';
import { gitlabRevokeToken } from '../../activities/ci/gitlab-revoke-token.ts';
import type { CiOptions } from '../../activities/ci/index.ts';
import { Secret } from '../../domain/secret.ts';
import { LEVELS, startGitLab, type GitLabTestbed, type Resource } from '../../testbed/gitlab.ts';
import { contextOf } from '../support/action-context.ts';
import { killedEverywhere, planned, serviceWorld, type ServiceWorld } from '../support/service-world.ts';

let gitlab: GitLabTestbed;
let world: ServiceWorld;
let shop: Resource;
let options: CiOptions;
const newValue = 'new-registry-password-0123456789';

beforeEach(async () => {
  [gitlab, world] = await Promise.all([startGitLab(), serviceWorld()]);
  const engine = gitlab.addUser('firebreak');
  shop = gitlab.addResource('project', 'acme/shop', [[engine, LEVELS.maintainer]]);
  gitlab.addResource('group', 'acme', [[engine, LEVELS.owner]]);
  const { value } = gitlab.addPersonalToken(engine, ['api'], 'engine');
  await world.put('ci/new', newValue);
  options = {
    secrets: world.secrets,
    forges: forgeRegistry([
      {
        name: 'acme',
        environment: 'production',
        kind: 'gitlab',
        url: gitlab.url,
        token: async () => new Secret(value),
      },
    ]),
  };
});

afterEach(() => gitlab.stop());

const writes = () => gitlab.calls.filter(({ method, path }) => method !== 'GET' && !path.endsWith('/verify'));

test('a token is revoked, and proven dead where its value is known', async () => {
  const revoke = gitlabRevokeToken(options);
  const token = gitlab.addAccessToken(shop, ['api']);
  await world.put('ci/leaked', token.value);
  const input = { forge: 'acme', project: 'acme/shop', token: token.id, secret: 'vault/ci/leaked' };
  const { mandate } = await planned(world, revoke, input);
  expect(await revoke.verify(contextOf(world.evidence), mandate)).toMatchObject({
    state: 'absent',
    verdict: 'failed',
  });
  gitlab.fault({ kind: 'lost' }, { method: 'DELETE' });
  await expect(revoke.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({
    type: 'FB3506',
    nonRetryable: false,
  });
  expect(await revoke.apply(contextOf(world.evidence), mandate)).toMatchObject({ already: 1 });
  expect(token.revoked).toBe(true);
  expect(writes()).toHaveLength(1);
  expect(await revoke.verify(contextOf(world.evidence), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'verified',
  });
  const unproven = { ...mandate, input: { forge: 'acme', project: 'acme/shop', token: token.id } };
  expect(await revoke.verify(contextOf(world.evidence), unproven)).toMatchObject({ verdict: 'evaluated' });
});

test("another token's number, or another project's, is no authority", async () => {
  const revoke = gitlabRevokeToken(options);
  const [one, other] = [gitlab.addAccessToken(shop, ['api']), gitlab.addAccessToken(shop, ['api'])];
  const { mandate } = await planned(world, revoke, { forge: 'acme', project: 'acme/shop', token: one.id });
  await expect(
    revoke.apply(contextOf(world.evidence), { ...mandate, input: { ...mandate.input, token: other.id } }),
  ).rejects.toMatchObject({ type: 'Refused' });
  one.scopes = ['read_api'];
  await expect(revoke.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'Drift' });
  expect(other.revoked || one.revoked).toBe(false);
});

test("a runner's token is reset and stored: the old one gets 403, the new one is its runner's", async () => {
  const reset = gitlabResetRunnerToken(options);
  const runner = gitlab.addRunner([shop]);
  const old = runner.token;
  await world.put('ci/runner', old);
  const { mandate } = await planned(world, reset, {
    forge: 'acme',
    runner: runner.id,
    secret: 'vault/ci/runner',
  });
  gitlab.fault({ kind: 'lost' }, { path: /reset_authentication_token$/ });
  await expect(reset.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'FB3506' });
  const { killedAt } = await killedEverywhere(world, reset, 'apply', mandate);
  expect(killedAt).toEqual(['intended reset runner', 'reset the token of runner', 'stored vault/ci/runner']);
  expect(runner.token).not.toBe(old);
  expect(await world.stored('ci/runner')).toBe(runner.token);
  const verified = await reset.verify(contextOf(world.evidence), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'verified' });
});

test('two workers reset a runner at once: the token that is stored is the one that counts', async () => {
  const runner = gitlab.addRunner([shop]);
  await world.put('ci/runner', runner.token);
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
  const reset = gitlabResetRunnerToken(options);
  const slow = gitlabResetRunnerToken({
    ...options,
    secrets: () => ({ store: slowVault, path: 'ci/runner' }),
  });
  const { mandate } = await planned(world, reset, {
    forge: 'acme',
    runner: runner.id,
    secret: 'vault/ci/runner',
  });
  const intents = new Map();
  const one = slow.apply(contextOf(world.evidence, { intents }), mandate);
  await arrived.promise;
  await reset.apply(contextOf(world.evidence, { intents }), mandate);
  go.resolve();
  await one;
  expect(await world.stored('ci/runner')).toBe(runner.token);
});

test('a runner that somebody resets afterwards does not verify', async () => {
  const reset = gitlabResetRunnerToken(options);
  const runner = gitlab.addRunner([shop]);
  const { mandate } = await planned(world, reset, {
    forge: 'acme',
    runner: runner.id,
    secret: 'vault/ci/runner',
  });
  await reset.apply(contextOf(world.evidence), mandate);
  runner.token = 'glrt-somebody-elses';
  expect(await reset.verify(contextOf(world.evidence), mandate)).toMatchObject({ verdict: 'failed' });
});

test('a masked variable of one environment is replaced, and nothing else about it changes', async () => {
  const replace = gitlabReplaceVariable(options);
  const other = gitlab.addVariable(shop, {
    key: 'REGISTRY',
    value: 'old-staging-0123',
    masked: true,
    environment_scope: 'staging',
  });
  const variable = gitlab.addVariable(shop, {
    key: 'REGISTRY',
    value: 'old-production-0123',
    masked: true,
    protected: true,
    environment_scope: 'production',
    description: 'of the registry',
  });
  const before = { ...variable };
  const input = {
    forge: 'acme',
    project: 'acme/shop',
    variable: 'REGISTRY',
    environment: 'production',
    from: 'vault/ci/new',
  };
  const { plan, mandate } = await planned(world, replace, input);
  expect(JSON.stringify(plan)).not.toMatch(/old-production-0123|new-registry-password/);
  expect(await replace.verify(contextOf(world.evidence), mandate)).toMatchObject({ verdict: 'failed' });
  const { killedAt, result } = await killedEverywhere(world, replace, 'apply', mandate);
  expect(killedAt).toHaveLength(2);
  expect(result.already).toBe(1);
  expect(variable).toEqual({ ...before, value: newValue });
  expect(other.value).toBe('old-staging-0123');
  expect(writes()).toHaveLength(1);
  expect(await replace.verify(contextOf(world.evidence), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'verified',
  });
});

test("a group's hidden variable: replaced, and said to be unverifiable", async () => {
  const replace = gitlabReplaceVariable(options);
  const group = gitlab.state.resources.find(({ kind }) => kind === 'group');
  if (group === undefined) throw new Error('there is no group');
  const variable = gitlab.addVariable(group, {
    key: 'KEY',
    value: 'old-0123456789',
    masked: true,
    hidden: true,
  });
  const input = { forge: 'acme', group: 'acme', variable: 'KEY', environment: '*', from: 'vault/ci/new' };
  const { mandate } = await planned(world, replace, input);
  await replace.apply(contextOf(world.evidence), mandate);
  expect(variable.value).toBe(newValue);
  expect(await replace.verify(contextOf(world.evidence), mandate)).toMatchObject({ verdict: 'unverifiable' });
});

test.each([
  ['has a space', 'has a space in it'],
  ['is short', 'short'],
  ['has a character that is not masked', 'dollar$dollar$dollar'],
])('a value that %s cannot be masked: the plan refuses, and quotes nothing', async (_what, value) => {
  const replace = gitlabReplaceVariable(options);
  const variable = gitlab.addVariable(shop, { key: 'KEY', value: 'old-0123456789', masked: true });
  await world.put('ci/bad', value);
  const input = {
    forge: 'acme',
    project: 'acme/shop',
    variable: 'KEY',
    environment: '*',
    from: 'vault/ci/bad',
  };
  const error = await planned(world, replace, input).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ type: 'FB3534', nonRetryable: true });
  expect(String(error)).not.toContain(value);
  expect(variable.value).toBe('old-0123456789');
});

test('settings that were changed since the approval are drift', async () => {
  const replace = gitlabReplaceVariable(options);
  const variable = gitlab.addVariable(shop, { key: 'KEY', value: 'old-0123456789', masked: true });
  const input = {
    forge: 'acme',
    project: 'acme/shop',
    variable: 'KEY',
    environment: '*',
    from: 'vault/ci/new',
  };
  const { mandate } = await planned(world, replace, input);
  variable.masked = false;
  await expect(replace.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'Drift' });
  expect(variable.value).toBe('old-0123456789');
});

test('inputs name a project or a group, by what cannot leave its place in a path', () => {
  const { input } = gitlabReplaceVariable(options);
  const good = { forge: 'acme', project: 'acme/shop', variable: 'KEY', from: 'vault/ci/new' };
  expect(input.safeParse(good).success).toBe(true);
  for (const bad of [
    { ...good, group: 'acme' },
    { ...good, project: '../users' },
    { ...good, project: 'a/../b' },
    { ...good, variable: 'KEY/../..' },
    { ...good, environment: 'a&filter' },
    { ...good, from: '' },
    { forge: 'acme', variable: 'KEY', from: 'vault/ci/new' },
    { ...good, value: 'pasted' },
  ])
    expect(input.safeParse(bad).success).toBe(false);
});
