import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Grep } from '../../testbed/grep.ts';
import type { Place } from '../../testbed/github.ts';
import { openGitHubHouse, repository, type GitHubHouse } from '../support/github-house.ts';

let house: GitHubHouse;
beforeAll(async () => {
  house = await openGitHubHouse();
}, 60_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const values: { [name: string]: string } = {
  old: 'old-value-8f2c61d09ab7e3',
  new: 'new-välue-1d74be0c95fa28\nwith "lines"',
  theirs: 'theirs-5fd0a91be27c83',
};
const minuteAgo = () => new Date(Date.now() - 60_000);
const inRepository: Place = { for: 'actions', repository };

/** A secret of a name of its own, as it was a minute ago. */
function seeded(name: string, place: Place = inRepository) {
  house.github.setSecret(place, name, values['old'] ?? '', minuteAgo());
  return name;
}

async function replace(input: object) {
  const from = await house.keep('new-value', values['new'] ?? '');
  return house.step('github.replace-actions-secret', { from, ...input });
}

test('a value arrives sealed in each place, and GitHub’s own time proves that it was taken', async () => {
  const places: [Place, object][] = [
    [inRepository, { repository }],
    [
      { ...inRepository, environment: 'production' },
      { repository, environment: 'production' },
    ],
    [{ for: 'actions', organization: 'acme' }, { organization: 'acme' }],
    [
      { for: 'dependabot', repository },
      { repository, for: 'dependabot' },
    ],
    [
      { for: 'dependabot', organization: 'acme' },
      { organization: 'acme', for: 'dependabot' },
    ],
  ];
  for (const [place, input] of places) {
    const secret = seeded('DEPLOY_TOKEN', place);
    const writes = house.github.secretWrites(place);
    const step = await replace({ ...input, secret: 'deploy_token' });
    const plan = await step.plan();
    expect(plan.authority).toMatchObject({ undo: 'none', exact: expect.stringMatching(/^sha256:/) });
    expect(await step.verify()).toMatchObject({ verdict: 'unverifiable' });
    const { outputs } = await step.apply();
    expect(house.github.revealSecret(place, secret)).toBe(values['new']);
    expect(house.github.secretWrites(place)).toBe(writes + 1);
    expect(await step.verify()).toMatchObject({ state: 'in-place', verdict: 'verified' });
    expect(outputs['replacedAt'] ?? '').toBe(house.github.secretTime(place, secret));
  }
});

test('who may use an organization’s secret stays as it is', async () => {
  const id = await house.github.repositoryId(repository);
  for (const purpose of ['actions', 'dependabot'] as const) {
    const place: Place = { for: purpose, organization: 'acme' };
    house.github.shareSecret(place, 'SHARED', values['old'] ?? '', [id]);
    const step = await replace({ organization: 'acme', secret: 'SHARED', for: purpose });
    await step.plan();
    await step.apply();
    expect(house.github.revealSecret(place, 'SHARED')).toBe(values['new']);
    expect(house.github.visibilityOf(place, 'SHARED')).toMatchObject({
      visibility: 'selected',
      repositoryIds: [id],
    });
  }
});

test('says where else a secret of the name is, and replaces it nowhere but where it was told to', async () => {
  const elsewhere: Place[] = [
    { ...inRepository, environment: 'staging' },
    { for: 'actions', organization: 'acme' },
    { for: 'dependabot', repository },
  ];
  const secret = 'COPIED';
  for (const place of [inRepository, ...elsewhere]) seeded(secret, place);
  const step = await replace({ repository, secret });
  const plan = await step.plan();
  const said = [
    `the organization of ${repository}`,
    `repository ${repository}, for Dependabot`,
    `environment staging of ${repository}`,
  ];
  expect(plan.notCovered.find(({ code }) => code === 'same-name-elsewhere')).toMatchObject({
    objects: said,
    count: 3,
  });
  expect((await step.apply()).outputs).toMatchObject({ copies: said });
  expect(house.github.revealSecret(inRepository, secret)).toBe(values['new']);
  for (const place of elsewhere) expect(house.github.revealSecret(place, secret)).toBe(values['old']);
});

test('a secret that is not there is not made, and its name elsewhere is told', async () => {
  seeded('ONLY_STAGING', { ...inRepository, environment: 'staging' });
  const step = await replace({ repository, secret: 'ONLY_STAGING' });
  await expect(step.plan()).rejects.toMatchObject({
    type: 'FB3514',
    message: expect.stringContaining(`environment staging of ${repository}`),
  });
  expect(house.github.revealSecret(inRepository, 'ONLY_STAGING')).toBeUndefined();
  await expect((await replace({ repository: 'acme/nothing', secret: 'X' })).plan()).rejects.toMatchObject({
    type: 'FB3504',
  });
  await expect((await replace({ organization: 'nothing', secret: 'X' })).plan()).rejects.toMatchObject({
    type: 'FB3504',
  });
});

test('somebody else’s write since the plan is drift, at every try', async () => {
  const secret = seeded('DRIFTED');
  const step = await replace({ repository, secret });
  await step.plan();
  house.github.setSecret(inRepository, secret, values['theirs'] ?? '', new Date());
  for (let tries = 0; tries < 2; tries++)
    await expect(step.apply()).rejects.toMatchObject({
      type: 'Drift',
      message: expect.stringMatching(/^FB3510: /),
    });
  expect(house.github.revealSecret(inRepository, secret)).toBe(values['theirs']);
});

test('killed at any boundary: the value is there', async () => {
  for (let boundary = 1; ; boundary++) {
    const secret = seeded(`KILLED_${boundary}`);
    const step = await replace({ repository, secret });
    await step.plan();
    const wasKilled = await step.killedAt('apply', boundary);
    await step.apply();
    expect(house.github.revealSecret(inRepository, secret)).toBe(values['new']);
    expect(await step.verify()).toMatchObject({ verdict: 'verified' });
    if (wasKilled) continue;
    expect(boundary).toBe(4);
    break;
  }
});

test('a generated value is kept before it is used, once, wherever the worker is killed', async () => {
  for (let boundary = 1; ; boundary++) {
    const secret = seeded(`GENERATED_${boundary}`);
    const path = `generated-${boundary}`;
    const keepIn = await house.keep(path, values['old'] ?? '');
    const generate = { bytes: 24, keepIn };
    const step = house.step('github.replace-actions-secret', { repository, secret, generate });
    await step.plan();
    const wasKilled = await step.killedAt('apply', boundary);
    const early = await house.secrets.read(path, { signal: AbortSignal.timeout(10_000) });
    expect(await step.apply()).toMatchObject({ outputs: { keptIn: keepIn } });
    const kept = await house.secrets.read(path, { signal: AbortSignal.timeout(10_000) });
    const made = kept?.value.reveal() ?? '';
    expect(made).toHaveLength(32);
    values[path] = made;
    expect(house.github.revealSecret(inRepository, secret)).toBe(made);
    // One value was written over the old one, and it is the one that GitHub got.
    expect(kept?.version).toBe('2');
    if (early?.version === '2') expect(early.value.reveal()).toBe(made);
    if (wasKilled) continue;
    expect(boundary).toBe(7);
    break;
  }
});

test('an answer that was lost: sent again, it is as once', async () => {
  const secret = seeded('LOST');
  const put = 'PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}';
  const step = await replace({ repository, secret });
  await step.plan();
  house.github.fail(put, { kind: 'lost' });
  await expect(step.apply()).rejects.toMatchObject({ type: 'FB3506' });
  await step.apply();
  expect(house.github.revealSecret(inRepository, secret)).toBe(values['new']);
});

test('inputs that make no sense are refused', async () => {
  for (const input of [
    { secret: 'X' },
    { repository, organization: 'acme', secret: 'X' },
    { organization: 'acme', environment: 'production', secret: 'X' },
    { repository, secret: 'GITHUB_TOKEN' },
    { repository, secret: '../x' },
    { repository, secret: 'X', generate: {} },
    { repository, secret: 'X', from: 'a-pasted-value' },
  ])
    await expect(replace(input)).rejects.toThrow();
});

test('no value is in anything that left the actions', () => {
  expect(values['generated-6']).toBeDefined();
  expect(
    new Grep({ ...values, engine: house.engineToken('github.replace-actions-secret') }).in(
      house.seen.join('\n'),
    ),
  ).toEqual([]);
  expect(house.seen.length).toBeGreaterThan(100);
});
