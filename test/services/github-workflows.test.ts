import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openGitHubHouse, repository, type GitHubHouse } from '../support/github-house.ts';

let house: GitHubHouse;
beforeAll(async () => {
  house = await openGitHubHouse();
}, 60_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const file = 'release.yml';
const workflowPath = '/repos/{owner}/{repo}/actions/workflows/{workflow_id}';
const state = () => house.github.workflowState(repository, file);
const disable = (input: object = {}) =>
  house.step('github.disable-workflow', { repository, workflow: file, ...input });
const sent = (operation: string) => house.github.calls(operation).length;

test('a workflow is disabled, proven so, and enabled by the undo', async () => {
  const step = disable();
  const plan = await step.plan();
  expect(plan).toMatchObject({
    changeCount: 1,
    authority: { undo: 'restore', targets: [{ kind: 'Workflow', cluster: 'forge:acme' }] },
    facts: [{ principal: `repository/${repository}/workflows/.github/workflows/${file}` }],
  });
  expect(state()).toBe('active');
  expect(await step.apply()).toMatchObject({ already: 0, outputs: { stateBefore: 'active' } });
  expect(state()).toBe('disabled_manually');
  expect(await step.verify()).toMatchObject({ state: 'in-place', verdict: 'verified' });
  expect(await step.undo()).toMatchObject({ conflicts: [], claims: [{ verdict: 'verified' }] });
  expect(state()).toBe('active');
});

test('killed at every boundary of apply and undo: one disable, one enable', async () => {
  const before = [sent(`PUT ${workflowPath}/disable`), sent(`PUT ${workflowPath}/enable`)];
  const step = disable();
  await step.plan();
  expect((await step.killedEverywhere('apply')).kills).toBeGreaterThan(1);
  expect(state()).toBe('disabled_manually');
  const { kills, result } = await step.killedEverywhere('undo');
  expect(kills).toBeGreaterThan(1);
  expect(result).toMatchObject({ conflicts: [] });
  expect(state()).toBe('active');
  expect([sent(`PUT ${workflowPath}/disable`), sent(`PUT ${workflowPath}/enable`)]).toEqual(
    before.map((count) => count + 1),
  );
});

test('somebody enables it meanwhile: verification fails, and the undo is a conflict', async () => {
  const step = disable();
  await step.plan();
  await step.apply();
  house.github.setWorkflowState(repository, file, 'active');
  expect(await step.verify()).toMatchObject({ state: 'absent', verdict: 'failed' });
  const enabled = sent(`PUT ${workflowPath}/enable`);
  expect(await step.undo()).toMatchObject({
    changes: [],
    conflicts: [{ why: expect.stringContaining('somebody else') }],
  });
  expect(await step.undo()).toMatchObject({ changes: [], conflicts: [{}] });
  expect(sent(`PUT ${workflowPath}/enable`)).toBe(enabled);
});

test('what was disabled before is left so by the undo', async () => {
  house.github.setWorkflowState(repository, file, 'disabled_inactivity');
  const step = disable();
  expect(await step.plan()).toMatchObject({ changeCount: 0 });
  expect(await step.apply()).toMatchObject({ already: 1, changes: [] });
  expect(await step.verify()).toMatchObject({ verdict: 'verified' });
  expect(await step.undo()).toMatchObject({ changes: [], conflicts: [] });
  expect(state()).toBe('disabled_inactivity');
  house.github.setWorkflowState(repository, file, 'active');
});

test('a base that says disabled is no base once it is active: the step is planned anew', async () => {
  house.github.setWorkflowState(repository, file, 'disabled_manually');
  const step = disable();
  await step.plan();
  house.github.setWorkflowState(repository, file, 'active');
  await expect(step.apply()).rejects.toMatchObject({ type: 'Drift', nonRetryable: true });
  expect(state()).toBe('active');
});

test('what is not there, or may not be seen, is one clear error', async () => {
  for (const input of [
    { repository: 'acme/nothing' },
    { repository: 'ana/toy', workflow: 'ci.yml' },
    { workflow: 'nothing.yml' },
    { workflow: 4_711 },
  ])
    await expect(disable(input).plan()).rejects.toMatchObject({
      type: 'FB3504',
      nonRetryable: true,
      message: expect.stringMatching(/^FB3504: forges\.acme: cannot read (repository|workflow) /),
    });
  for (const bad of ['acme', 'acme/..', 'acme/a/b', '../user', 'acme/shop?x=1'])
    expect(() => disable({ repository: bad })).toThrow('must be owner/name');
  expect(() => disable({ workflow: '../../secrets' })).toThrow();
  await expect(
    house.step('github.disable-workflow', { repository, workflow: file, forge: 'gone' }).plan(),
  ).rejects.toThrow('FB3501');
});

test('an App may do no more than it was installed with', async () => {
  const step = house.step('github.disable-workflow', { repository, workflow: file }, 'as-app');
  await step.plan();
  await step.apply();
  expect(state()).toBe('disabled_manually');
  await step.undo();
  expect(state()).toBe('active');
  const secret = await house.keep('value', 'a-new-value-of-some-length');
  house.github.setSecret({ for: 'actions', repository }, 'TOKEN', 'old');
  const replace = house.step(
    'github.replace-actions-secret',
    { repository, secret: 'TOKEN', from: secret },
    'as-app',
  );
  await expect(replace.plan()).rejects.toMatchObject({ type: 'FB3502', nonRetryable: true });
});

test('an App whose key is wrong is told so', async () => {
  house.appKey('not a key');
  const step = house.step('github.disable-workflow', { repository, workflow: file }, 'as-app');
  await expect(step.plan()).rejects.toMatchObject({
    type: 'FB3503',
    message: expect.stringContaining('key'),
  });
});

const cancel = (input: object = {}) =>
  house.step('github.cancel-runs', { repository, workflow: file, forceAfterSeconds: 1, ...input });
const runPath = '/repos/{owner}/{repo}/actions/runs/{run_id}';
const start = (more: object = {}) => house.github.startRun({ repository, workflow: file, ...more });
const status = (id: number) => house.github.runStatus(repository, id);

test('runs that have not ended are cancelled, by force where need be, and each is seen to be over', async () => {
  const running = start({ cancelMs: 400 });
  const queued = start({ status: 'queued' });
  const stubborn = start({ ignoresCancel: true });
  const ended = start({ status: 'completed' });
  const other = start({ workflow: 'test.yml' });
  const step = cancel();
  const plan = await step.plan();
  expect(plan).toMatchObject({ changeCount: 3, authority: { caps: { runs: 50 }, undo: 'none' } });
  const applied = await step.apply();
  expect(applied).toMatchObject({
    outputs: { cancelled: 3, runs: [running, queued, stubborn], running: [] },
    measures: { forced: 1 },
  });
  expect([running, queued, stubborn].map((id) => status(id).conclusion)).toEqual([
    'cancelled',
    'cancelled',
    'cancelled',
  ]);
  expect(status(ended).conclusion).toBe('success');
  expect(status(other).status).toBe('in_progress');
  expect(await step.verify()).toMatchObject({ state: 'in-place', verdict: 'verified' });
  expect(sent(`POST ${runPath}/force-cancel`)).toBe(1);
  start();
  expect(await step.verify()).toMatchObject({ state: 'partial', verdict: 'failed' });
  const rest = cancel();
  await rest.plan();
  await rest.apply();
});

test('branch, user and time narrow what is cancelled', async () => {
  const old = start({ branch: 'main', actor: 'ana', createdAt: new Date(Date.now() - 7_200_000) });
  const wanted = start({ branch: 'main', actor: 'ana' });
  const others = [start({ branch: 'topic', actor: 'ana' }), start({ branch: 'main', actor: 'ben' })];
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const step = cancel({ branch: 'main', actor: 'ana', since });
  await step.plan();
  expect((await step.apply()).outputs).toMatchObject({ runs: [wanted] });
  expect([old, ...others].map((id) => status(id).status)).toEqual([
    'in_progress',
    'in_progress',
    'in_progress',
  ]);
  const rest = cancel();
  await rest.plan();
  await rest.apply();
});

test('runs that start between plan and apply are within the rule; more than the cap is not', async () => {
  start();
  const step = cancel({ most: 2 });
  await step.plan();
  const late = start();
  expect((await step.apply()).outputs).toMatchObject({ cancelled: 2 });
  expect(status(late).conclusion).toBe('cancelled');
  const many = [start(), start(), start()];
  const capped = cancel({ most: 2 });
  await capped.plan();
  await expect(capped.apply()).rejects.toMatchObject({
    type: 'BeyondAuthority',
    message: expect.stringContaining('FB3512'),
  });
  expect(many.map((id) => status(id).status)).toEqual(['completed', 'completed', 'in_progress']);
  await capped.plan();
  expect((await capped.apply()).outputs).toMatchObject({ cancelled: 3, running: [] });
});

test('killed at any boundary: every run is over, was cancelled once, and is reported', async () => {
  for (let boundary = 1; ; boundary++) {
    const runs = [start(), start(), start()];
    const step = cancel();
    await step.plan();
    const before = sent(`POST ${runPath}/cancel`);
    const wasKilled = await step.killedAt('apply', boundary);
    expect(await step.apply()).toMatchObject({ outputs: { cancelled: 3, runs, running: [] } });
    expect(sent(`POST ${runPath}/cancel`)).toBe(before + 3);
    expect(runs.map((id) => status(id).conclusion)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    if (wasKilled) continue;
    expect(boundary).toBeGreaterThan(8);
    break;
  }
}, 60_000);

test('a run that GitHub does not end is told, and fails the verification', async () => {
  const run = start({ ignoresCancel: true });
  house.github.fail(`POST ${runPath}/force-cancel`, { kind: 'status', status: 409 });
  const step = cancel({ forceAfterSeconds: 0, endWithinSeconds: 1 });
  await step.plan();
  expect(await step.apply()).toMatchObject({
    outputs: { cancelled: 0, runs: [run], running: [run] },
    unavailable: [{ what: `the end of run ${run}` }],
  });
  expect(await step.verify()).toMatchObject({ state: 'partial', verdict: 'failed' });
  house.github.endRun(repository, run);
  expect(await step.verify()).toMatchObject({ state: 'in-place', verdict: 'verified' });
});
