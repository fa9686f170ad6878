import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Limit } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Place } from '../../testbed/github.ts';
import { openGitHubHouse, repository, type GitHubHouse } from '../support/github-house.ts';

// That they are enough is what the other tests run under; here each is taken away.
let house: GitHubHouse;
beforeAll(async () => {
  house = await openGitHubHouse();
}, 60_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const workflow = 'release.yml';
const refused = { type: 'FB3502', nonRetryable: true };

test('without actions: write, a workflow is neither disabled nor enabled, and no run is cancelled', async () => {
  const steps = ['github.disable-workflow', 'github.cancel-runs'].map((action) => {
    house.reduce(action, 'actions', 'read');
    return house.step(action, { repository, workflow });
  });
  house.github.startRun({ repository, workflow });
  for (const step of steps) {
    await step.plan();
    await expect(step.apply()).rejects.toMatchObject(refused);
  }
  house.github.setWorkflowState(repository, workflow, 'active');
  const [disable] = steps;
  house.reduce('github.disable-workflow', 'nothing');
  house.github.setWorkflowState(repository, workflow, 'disabled_manually');
  // The base says active.
  await expect(disable?.undo()).rejects.toMatchObject(refused);
  house.reduce('github.disable-workflow', 'actions');
  await expect(disable?.plan()).rejects.toMatchObject(refused);
});

const replace = 'github.replace-actions-secret';
const unknown = (limits: Limit[]) => limits.find(({ code }) => code === 'copies-unknown')?.objects;

test('without a write of its place, a secret is not replaced; without a read, its copies are not known', async () => {
  const from = await house.keep('value', 'a-new-value-of-some-length');
  const places: [string, Place, JsonObject][] = [
    ['secrets', { for: 'actions', repository }, { repository }],
    [
      'environments',
      { for: 'actions', repository, environment: 'production' },
      { repository, environment: 'production' },
    ],
    ['dependabot_secrets', { for: 'dependabot', repository }, { repository, for: 'dependabot' }],
    ['organization_secrets', { for: 'actions', organization: 'acme' }, { organization: 'acme' }],
    [
      'organization_dependabot_secrets',
      { for: 'dependabot', organization: 'acme' },
      { organization: 'acme', for: 'dependabot' },
    ],
  ];
  for (const [, place] of places) house.github.setSecret(place, 'TOKEN', 'old', new Date(0));
  for (const [scope, place, input] of places) {
    const step = house.step(replace, { ...input, secret: 'TOKEN', from });
    expect(unknown((await step.plan()).notCovered)).toBeUndefined();
    house.reduce(replace, scope, 'read');
    await step.plan();
    await expect(step.apply()).rejects.toMatchObject(refused);
    expect(house.github.revealSecret(place, 'TOKEN')).toBe('old');
    house.restore(replace);
  }
  const step = house.step(replace, { repository, secret: 'TOKEN', from });
  for (const [scope, where] of [
    ['environments', [`environment production of ${repository}`, `environment staging of ${repository}`]],
    ['dependabot_secrets', [`repository ${repository}, for Dependabot`]],
    ['actions', [`the environments of ${repository}`]],
  ] as const) {
    house.reduce(replace, scope);
    expect(unknown((await step.plan()).notCovered)).toEqual(where);
    house.restore(replace);
  }
});
