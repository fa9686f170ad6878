import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { harborDisableRobot } from '../../activities/registries/harbor-disable-robot.ts';
import { harborRotateRobot } from '../../activities/registries/harbor-rotate-robot.ts';
import type { RegistryOptions } from '../../activities/registries/index.ts';
import { registryRegistry } from '../../activities/registries/registries.ts';
import { Secret } from '../../domain/secret.ts';
import { startHarbor, type HarborTestbed, type Robot } from '../../testbed/harbor.ts';
import { contextOf } from '../support/action-context.ts';
import { killedEverywhere, planned, serviceWorld, type ServiceWorld } from '../support/service-world.ts';

let harbor: HarborTestbed;
let world: ServiceWorld;
let options: RegistryOptions;
let robot: Robot;
let engine: Robot;

beforeEach(async () => {
  [harbor, world] = await Promise.all([startHarbor(), serviceWorld()]);
  // Exactly what the actions declare.
  const access = ['read', 'update'].map((action) => ({ resource: 'robot', action }));
  engine = harbor.addRobot('firebreak', { permissions: [{ kind: 'system', namespace: '/', access }] });
  robot = harbor.addRobot('acme+deployer', { duration: 30 });
  await world.put('harbor/deployer', robot.secret);
  options = {
    secrets: world.secrets,
    registries: registryRegistry([
      {
        name: 'acme',
        environment: 'production',
        kind: 'harbor',
        url: harbor.url,
        username: engine.name,
        password: async () => new Secret(engine.secret),
      },
    ]),
  };
});

afterEach(() => harbor.stop());

const writes = () => harbor.calls.filter(({ method, status }) => method !== 'GET' && status !== undefined);
const rotateInput = () => ({ registry: 'acme', robot: robot.id, secret: 'vault/harbor/deployer' });

test('a secret is rotated and stored: the old one gets 401, the new one logs in', async () => {
  const rotate = harborRotateRobot(options);
  const old = robot.secret;
  const { plan, mandate } = await planned(world, rotate, rotateInput());
  expect(await rotate.verify(contextOf(world.evidence), mandate)).not.toMatchObject({ verdict: 'verified' });
  const applied = await rotate.apply(contextOf(world.evidence), mandate);
  expect(robot.secret).not.toBe(old);
  expect(await world.stored('harbor/deployer')).toBe(robot.secret);
  const verified = await rotate.verify(contextOf(world.evidence), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'verified' });
  expect(plan.notCovered.map(({ code }) => code)).toContain('issued-bearer-tokens');
  const said = JSON.stringify([plan, applied, verified]);
  for (const value of [old, robot.secret, engine.secret]) expect(said).not.toContain(value);
});

test('killed at every boundary: set once, stored once', async () => {
  const rotate = harborRotateRobot(options);
  const { mandate } = await planned(world, rotate, rotateInput());
  const { killedAt } = await killedEverywhere(world, rotate, 'apply', mandate);
  expect(killedAt).toEqual([
    'intended generate vault/harbor/deployer',
    'store vault/harbor/deployer',
    'stored vault/harbor/deployer',
    `refresh robot/${robot.id}`,
    `refreshed robot/${robot.id}`,
  ]);
  expect(await world.stored('harbor/deployer')).toBe(robot.secret);
  expect(writes()).toHaveLength(1);
});

test('an answer that is lost: the next attempt finds it done', async () => {
  const rotate = harborRotateRobot(options);
  const { mandate } = await planned(world, rotate, rotateInput());
  const intents = new Map();
  harbor.fault({ kind: 'lost' }, { method: 'PATCH' });
  await expect(rotate.apply(contextOf(world.evidence, { intents }), mandate)).rejects.toMatchObject({
    type: 'FB3506',
    nonRetryable: false,
  });
  expect(await rotate.apply(contextOf(world.evidence, { intents }), mandate)).toMatchObject({
    already: 2,
    changes: [],
  });
  expect(writes()).toHaveLength(1);
  expect(await rotate.verify(contextOf(world.evidence), mandate)).toMatchObject({ verdict: 'verified' });
});

test('somebody else writes the secret between two attempts: nothing more is done', async () => {
  const rotate = harborRotateRobot(options);
  const { mandate } = await planned(world, rotate, rotateInput());
  const intents = new Map();
  harbor.fault({ kind: 'refused' }, { method: 'PATCH' });
  await expect(rotate.apply(contextOf(world.evidence, { intents }), mandate)).rejects.toMatchObject({
    type: 'FB3506',
  });
  await world.put('harbor/deployer', 'somebody-elses');
  const before = robot.secret;
  await expect(rotate.apply(contextOf(world.evidence, { intents }), mandate)).rejects.toMatchObject({
    type: 'Drift',
  });
  expect(robot.secret).toBe(before);
  expect(await world.stored('harbor/deployer')).toBe('somebody-elses');
});

test('a disabled robot is rotated, and its new secret is not claimed to be proven', async () => {
  const rotate = harborRotateRobot(options);
  robot.disable = true;
  const { mandate } = await planned(world, rotate, rotateInput());
  await rotate.apply(contextOf(world.evidence), mandate);
  expect(await world.stored('harbor/deployer')).toBe(robot.secret);
  expect(await rotate.verify(contextOf(world.evidence), mandate)).toMatchObject({ verdict: 'unverifiable' });
});

test('a robot is disabled and proven so; the release restores it exactly', async () => {
  const disable = harborDisableRobot(options);
  const { secret: _secret, updated: _updated, ...before } = structuredClone(robot);
  const { plan, mandate } = await planned(world, disable, rotateInput());
  expect(plan.authority.undo).toBe('restore');
  expect(await disable.verify(contextOf(world.evidence), mandate)).toMatchObject({
    state: 'absent',
    verdict: 'failed',
  });
  expect((await killedEverywhere(world, disable, 'apply', mandate)).killedAt).toHaveLength(2);
  expect(robot).toMatchObject({ ...before, disable: true });
  expect(await disable.verify(contextOf(world.evidence), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'verified',
  });
  const unproven = { ...mandate, input: { registry: 'acme', robot: robot.id } };
  expect(await disable.verify(contextOf(world.evidence), unproven)).toMatchObject({ verdict: 'evaluated' });
  const undone = await killedEverywhere(world, disable, 'undo', mandate);
  expect(undone).toMatchObject({
    killedAt: [`enable robot/${robot.id}`, `enabled robot/${robot.id}`],
    result: { conflicts: [], claims: [{ verdict: 'verified' }] },
  });
  expect(robot).toMatchObject(before);
  expect(writes()).toHaveLength(2);
});

test('the answer of the disabling is lost: done once', async () => {
  const disable = harborDisableRobot(options);
  const { mandate } = await planned(world, disable, rotateInput());
  harbor.fault({ kind: 'lost' }, { method: 'PUT' });
  await expect(disable.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'FB3506' });
  expect(await disable.apply(contextOf(world.evidence), mandate)).toMatchObject({ already: 1 });
  expect(writes()).toHaveLength(1);
});

test('what somebody else changes meanwhile is kept, and said; a robot that was disabled before stays so', async () => {
  const disable = harborDisableRobot(options);
  const { mandate } = await planned(world, disable, rotateInput());
  await disable.apply(contextOf(world.evidence), mandate);
  robot.description = 'edited by ana';
  const undone = await disable.undo(contextOf(world.evidence), mandate);
  expect(undone.conflicts).toEqual([
    { object: `robot/${robot.id}`, why: expect.stringContaining('description') },
  ]);
  expect(robot).toMatchObject({ description: 'edited by ana', disable: false });

  robot.disable = true;
  const again = await planned(world, disable, rotateInput());
  await disable.apply(contextOf(world.evidence), again.mandate);
  await disable.undo(contextOf(world.evidence), again.mandate);
  expect(robot.disable).toBe(true);
});

test('another robot under the number of the base is refused', async () => {
  const disable = harborDisableRobot(options);
  const { mandate } = await planned(world, disable, rotateInput());
  robot.name = 'robot$acme+somebody-else';
  await expect(disable.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'Drift' });
  expect(robot.disable).toBe(false);
});

test("the engine's own account must not be touched; without its rights nothing changes", async () => {
  const disable = harborDisableRobot(options);
  const own = await planned(world, disable, { registry: 'acme', robot: engine.id });
  expect(own.plan.facts[0]?.supports).toHaveLength(1);
  const { mandate } = await planned(world, disable, rotateInput());
  engine.permissions = [{ kind: 'system', namespace: '/', access: [{ resource: 'robot', action: 'read' }] }];
  await expect(disable.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'FB3502' });
  expect(robot.disable).toBe(false);
});
