import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Grep } from '../../testbed/grep.ts';
import { openGitHubHouse, repository, type GitHubHouse } from '../support/github-house.ts';

const action = 'github.revoke-token';
const revoke = 'POST /credentials/revoke';

let house: GitHubHouse;
const leaked: { [name: string]: string } = {};
beforeAll(async () => {
  house = await openGitHubHouse();
}, 60_000);
afterAll(async () => {
  await house.close();
}, 30_000);

/** A leaked token under a name of its own. */
async function leak(path: string, spec: Parameters<GitHubHouse['github']['issueToken']>[0]) {
  const token = house.github.issueToken(spec);
  leaked[path] = token;
  return { token, name: await house.keep(path, `${token}\n`) };
}

function sent(operation: string): number {
  return house.github.calls(operation).length;
}

test('a revocation is accepted, carried out later, and proven by 401', async () => {
  const { token, name } = await leak('classic', { kind: 'ghp', login: 'ana' });
  house.github.delayRevocations(900);
  const step = house.step(action, { token: name });
  const plan = await step.plan();
  expect(plan.facts).toMatchObject([
    { principal: 'user/ana', cluster: 'forge:acme', namespace: '', supports: [] },
  ]);
  expect(plan.authority).toMatchObject({ undo: 'none', exact: expect.stringMatching(/^sha256:/) });
  expect(plan.notCovered.map(({ code }) => code)).toContain('rate-limit');
  expect(house.github.isAlive(token)).toBe(true);

  const applied = await step.apply();
  expect(applied.outputs).toMatchObject({ kind: 'ghp', way: 'credentials', accepted: true, proven: true });
  expect(applied.measures['provenMs']).toBeGreaterThanOrEqual(800);
  expect(applied.measures['revocationsLeftThisHour']).toBe(59);
  expect(await step.verify()).toMatchObject({ state: 'in-place', verdict: 'verified' });
  expect(house.github.isAlive(token)).toBe(false);
  // Again: nothing is sent for a token that is dead.
  const before = sent(revoke);
  expect(await step.apply()).toMatchObject({
    already: 1,
    changes: [],
    outputs: { accepted: false, proven: true },
  });
  expect(sent(revoke)).toBe(before);
});

test('a revocation that is never carried out is reported as accepted, not proven', async () => {
  const { token, name } = await leak('never', { kind: 'github_pat', login: 'ana' });
  house.github.delayRevocations(Infinity);
  const step = house.step(action, { token: name, proveWithinSeconds: 1 });
  await step.plan();
  const applied = await step.apply();
  expect(applied.outputs).toMatchObject({ accepted: true, proven: false });
  expect(applied.unavailable).toMatchObject([{ why: 'it still lets the token in' }]);
  const { verdict, claims } = await step.verify();
  expect(verdict).toBe('unverifiable');
  expect(claims[0]?.detail).toMatch(/^accepted, not proven/);
  expect(house.github.isAlive(token)).toBe(true);
});

test('a 401 that is not GitHub’s own proves nothing', async () => {
  const { name } = await leak('proxy', { kind: 'ghp', login: 'ana' });
  house.github.delayRevocations(Infinity);
  const step = house.step(action, { token: name, proveWithinSeconds: 1 });
  await step.plan();
  house.github.fail('GET /user', { kind: 'status', status: 401 }, 50);
  expect((await step.apply()).outputs).toMatchObject({ proven: false });
  expect(await step.verify()).toMatchObject({ verdict: 'unverifiable' });
  house.github.clearFaults();
});

test('an installation token is deleted in its own name', async () => {
  const { token, name } = await leak('installation', {
    kind: 'ghs',
    login: 'acme',
    repositories: [repository],
  });
  const step = house.step(action, { token: name });
  expect((await step.plan()).facts).toMatchObject([{ principal: 'installation/acme' }]);
  const before = sent(revoke);
  expect((await step.apply()).outputs).toMatchObject({ way: 'installation', proven: true });
  expect(await step.verify()).toMatchObject({ verdict: 'verified' });
  expect(sent(revoke)).toBe(before);
  expect(house.github.isAlive(token)).toBe(false);
});

test('a token of the configured OAuth App is deleted by it; one of another App is handed in', async () => {
  house.github.delayRevocations(0);
  const own = await leak('own-oauth', { kind: 'gho', login: 'ana', clientId: house.github.oauth.clientId });
  const foreign = await leak('foreign-oauth', { kind: 'gho', login: 'ana', clientId: 'Iv1.another' });
  for (const [{ token, name }, way] of [
    [own, 'oauth'],
    [foreign, 'credentials'],
  ] as const) {
    const step = house.step(action, { token: name });
    await step.plan();
    expect((await step.apply()).outputs).toMatchObject({ way, proven: true });
    expect(await step.verify()).toMatchObject({ verdict: 'verified' });
    expect(house.github.isAlive(token)).toBe(false);
  }
});

test('a refresh token is handed in, and said to be unprovable without waiting', async () => {
  const { token, name } = await leak('refresh', { kind: 'ghr', login: 'ana' });
  const step = house.step(action, { token: name });
  await step.plan();
  const began = performance.now();
  expect((await step.apply()).outputs).toMatchObject({ way: 'credentials', accepted: true, proven: false });
  expect(await step.verify()).toMatchObject({ verdict: 'unverifiable' });
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(house.github.isAlive(token)).toBe(false);
});

test('killed at every boundary: the token is dead in the end', async () => {
  for (const [path, kind, clientId] of [
    ['killed', 'ghp', undefined],
    ['killed-installation', 'ghs', undefined],
    ['killed-oauth', 'gho', house.github.oauth.clientId],
  ] as const) {
    const { token, name } = await leak(path, {
      kind,
      login: 'ana',
      ...(kind === 'ghs' ? { repositories: [repository] } : {}),
      ...(clientId === undefined ? {} : { clientId }),
    });
    const step = house.step(action, { token: name });
    await step.plan();
    const { kills, result } = await step.killedEverywhere('apply');
    expect(kills).toBeGreaterThan(1);
    expect(result).toMatchObject({ outputs: { proven: true } });
    expect(house.github.isAlive(token)).toBe(false);
  }
});

test('an answer that was lost, and one that GitHub failed to give, end in the same', async () => {
  const { token, name } = await leak('lost', { kind: 'ghp', login: 'ana' });
  const step = house.step(action, { token: name });
  await step.plan();
  house.github.fail(revoke, { kind: 'lost' });
  await expect(step.apply()).rejects.toMatchObject({ type: 'FB3506', nonRetryable: false });
  expect((await step.apply()).outputs).toMatchObject({ proven: true });
  expect(house.github.isAlive(token)).toBe(false);
  const other = await leak('edge', { kind: 'ghp', login: 'ana' });
  const again = house.step(action, { token: other.name });
  await again.plan();
  house.github.fail(revoke, { kind: 'status', status: 502 });
  await expect(again.apply()).rejects.toMatchObject({ type: 'FB3500', nonRetryable: false });
  expect((await again.apply()).outputs).toMatchObject({ accepted: true, proven: true });
});

test('a GitHub Enterprise Server, which takes no exposed tokens, is told apart from a wrong address', async () => {
  const { name } = await leak('enterprise', { kind: 'ghp', login: 'ana' });
  const step = house.step(action, { token: name });
  await step.plan();
  house.github.fail(revoke, { kind: 'status', status: 404 });
  await expect(step.apply()).rejects.toMatchObject({ type: 'FB3515', nonRetryable: true });
});

test('what replaced the token in the store is not revoked', async () => {
  const { token, name } = await leak('rotated', { kind: 'ghp', login: 'ana' });
  const step = house.step(action, { token: name });
  await step.plan();
  const replacement = house.github.issueToken({ kind: 'ghp', login: 'ana' });
  leaked['replacement'] = replacement;
  await house.keep('rotated', replacement);
  await expect(step.apply()).rejects.toMatchObject({
    type: 'Drift',
    message: expect.stringMatching(/^FB3510: /),
  });
  expect([token, replacement].map((one) => house.github.isAlive(one))).toEqual([true, true]);
  expect(await step.verify()).toMatchObject({ verdict: 'unverifiable' });
});

test('a refusal that quotes the token is told without it', async () => {
  const { token, name } = await leak('quoted', { kind: 'ghp', login: 'ana' });
  const step = house.step(action, { token: name });
  await step.plan();
  house.github.fail(revoke, { kind: 'status', status: 422, message: `"${token}" is not a credential` });
  await expect(step.apply()).rejects.toMatchObject({
    type: 'FB3507',
    message: expect.stringContaining('"[secret]" is not a credential'),
  });
});

test('the engine’s own token is said to hold up the engine', async () => {
  const step = house.step(action, { token: await house.keep('own', house.engineToken(action)) });
  expect((await step.plan()).facts[0]?.supports).toHaveLength(1);
});

test('what is no token of GitHub’s, or not there, is refused with the fix', async () => {
  leaked['other'] = 'glpat-0123456789abcdefghij';
  const wrong = house.step(action, { token: await house.keep('wrong', leaked['other']) });
  await expect(wrong.plan()).rejects.toMatchObject({
    type: 'FB3513',
    message: expect.stringContaining('ghp_'),
  });
  await expect(house.step(action, { token: 'vault/nothing' }).plan()).rejects.toMatchObject({
    type: 'FB3513',
  });
  const pasted = house.github.issueToken({ kind: 'ghp', login: 'ana' });
  leaked['pasted'] = pasted;
  let said = '';
  try {
    house.step(action, { token: pasted });
  } catch (error) {
    said = String(error);
  }
  expect(said).toContain('must be the name of a secret');
  expect(said).not.toContain(pasted);
});

test('the hourly limit is told with its end, and nothing is sent until then', async () => {
  const { token, name } = await leak('limited', { kind: 'ghp', login: 'ana' });
  const step = house.step(action, { token: name });
  await step.plan();
  house.github.leaveUnauthenticated(0);
  const before = sent(revoke);
  const refusal = {
    type: 'FB3500',
    nonRetryable: false,
    message: expect.stringMatching(/rate limit is used up until 20\d\d-/),
  };
  await expect(step.apply()).rejects.toMatchObject(refusal);
  await expect(step.apply()).rejects.toMatchObject(refusal);
  expect(sent(revoke)).toBe(before + 1);
  expect(house.github.isAlive(token)).toBe(true);
});

test('no token is in anything that left the actions', () => {
  expect(Object.keys(leaked).length).toBeGreaterThan(10);
  const grep = new Grep({
    ...leaked,
    engine: house.engineToken(action),
    oauth: house.github.oauth.clientSecret,
  });
  expect(grep.in(house.seen.join('\n'))).toEqual([]);
  expect(house.seen.length).toBeGreaterThan(100);
});
