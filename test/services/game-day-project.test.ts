import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { forgeRegistry } from '../../activities/ci/forges.ts';
import { gitlabReplaceVariable } from '../../activities/ci/gitlab-replace-variable.ts';
import { gitlabResetRunnerToken } from '../../activities/ci/gitlab-reset-runner-token.ts';
import { gitlabRevokeToken } from '../../activities/ci/gitlab-revoke-token.ts';
import { findInHarbor } from '../../activities/credentials/find-use/harbor.ts';
import { outputsOf, recordOf } from '../../activities/credentials/find-use/summary.ts';
import { Uses } from '../../activities/credentials/find-use/use.ts';
import { harborRotateRobot } from '../../activities/registries/harbor-rotate-robot.ts';
import { registryRegistry, type HarborConfig } from '../../activities/registries/registries.ts';
import { fileStore } from '../../activities/secrets/file.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import type { Action } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import type { Beside } from '../../testbed/game-day/beside.ts';
import { startImages, startProject, type Images, type Project } from '../../testbed/game-day/project.ts';
import { gitLabToken, robotSecret, runnerToken } from '../../testbed/game-day/stolen-project.ts';
import { Vault } from '../../testbed/game-day/vault.ts';
import { contextOf } from '../support/action-context.ts';
import { planned, serviceWorld, type ServiceWorld } from '../support/service-world.ts';
import { temporaryDirectory } from '../support/store-processes.ts';

/** What FB-009 does, without a server of ours: the thefts of its rehearsal, and its actions under the rights that the rehearsal gives. */
let ending: (() => Promise<void>)[];
let world: ServiceWorld;
let project: Project;
let images: Images;
let beside: Beside;
let vault: Vault;

beforeEach(async () => {
  ending = [];
  world = await serviceWorld();
  vault = await Vault.open(join(await temporaryDirectory(), 'vault'));
  [project, images] = await Promise.all([startProject(ending), startImages(ending)]);
  beside = {
    vault,
    project,
    images,
    passwords: {},
    remember: () => undefined,
    secrets: () => vault.values(),
  };
});
afterEach(async () => {
  await Promise.all(ending.map((stop) => stop()));
});

async function carriedOut<I extends JsonObject>(action: Action<I>, input: I) {
  const { mandate } = await planned(world, action, input);
  const context = () => contextOf(world.evidence);
  const { outputs } = await action.apply(context(), mandate);
  return { outputs, ...(await action.verify(context(), mandate)) };
}

test('what is stolen of a project works until its action, and is refused then; the variable gets the new password; pushes are found', async () => {
  const began = new Date();
  const token = await gitLabToken(beside, {
    kind: 'gitlab-token',
    secret: 'leaked/gitlab',
    'proven-by': 'x',
  });
  const runner = await runnerToken(beside, { kind: 'runner-token', secret: 'ci/runner', 'proven-by': 'x' });
  const stolen = { kind: 'robot-secret', secret: 'harbor/ci', pushes: 3, 'proven-by': 'x' } as const;
  const robot = await robotSecret(beside, stolen);
  const all = [token, runner, robot];
  const working = () => Promise.all(all.map((one) => one.works()));
  expect(await working()).toEqual([true, true, true]);
  const pushed = (await robot.use?.()) ?? [];
  expect(new Set(pushed).size).toBe(3);

  const secrets = secretStores([fileStore('vault', vault.dir)]);
  const { ENGINE_GITLAB_TOKEN: ownToken = '' } = project.env;
  const { ENGINE_HARBOR_PASSWORD: ownPassword = '' } = images.env;
  const forges = forgeRegistry([
    {
      name: 'gitlab',
      environment: 'production',
      kind: 'gitlab',
      url: project.gitlab.url,
      token: async () => new Secret(ownToken),
    },
  ]);
  const harbor: HarborConfig = {
    name: 'harbor',
    environment: 'production',
    kind: 'harbor',
    url: images.harbor.url,
    username: 'robot$firebreak',
    password: async () => new Secret(ownPassword),
  };
  const registries = registryRegistry([harbor]);
  const verified = { state: 'in-place', verdict: 'verified' };
  const on = { forge: 'gitlab', project: 'acme/shop' };
  const revoke = gitlabRevokeToken({ forges, secrets });
  expect(
    await carriedOut(revoke, { ...on, token: Number(token.id), secret: 'vault/leaked/gitlab' }),
  ).toMatchObject(verified);
  const reset = gitlabResetRunnerToken({ forges, secrets });
  expect(
    await carriedOut(reset, { forge: 'gitlab', runner: Number(runner.id), secret: 'vault/ci/runner' }),
  ).toMatchObject(verified);
  const rotate = harborRotateRobot({ registries, secrets });
  expect(
    await carriedOut(rotate, { registry: 'harbor', robot: Number(robot.id), secret: 'vault/harbor/ci' }),
  ).toMatchObject(verified);
  expect(await working()).toEqual([false, false, false]);
  const replace = gitlabReplaceVariable({ forges, secrets });
  const input = { ...on, variable: 'REGISTRY_PASSWORD', environment: 'production', from: 'vault/harbor/ci' };
  expect(await carriedOut(replace, input)).toMatchObject({
    ...verified,
    outputs: { masked: true, protected: true },
  });
  expect(project.gitlab.state.resources[0]?.variables[0]?.value).toBe(await vault.read('harbor/ci'));

  const uses = new Uses();
  const window = { since: began, until: new Date(Date.now() + 1_000) };
  await findInHarbor(harbor, images.robot.name, window, uses, AbortSignal.timeout(20_000));
  const { left, unavailable } = uses;
  const { digests, complete } = outputsOf(
    recordOf('x', window, { uses: uses.list(), left, unavailable }),
    '',
  );
  expect({ digests, complete }).toEqual({ digests: pushed.toSorted(), complete: true });
  await expect(Promise.resolve().then(() => robot.use?.())).rejects.toThrow('unauthorized');
});
