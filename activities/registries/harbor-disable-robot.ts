import { z } from 'zod';
import type {
  Action,
  ActionContext,
  Applied,
  Claim,
  Mandate,
  Plan,
  Undone,
  Verification,
} from '../../domain/action.ts';
import { worst } from '../../domain/action.ts';
import { canonical, isObject } from '../../domain/json.ts';
import type { SecretStores } from '../../domain/secret.ts';
import { baseOf } from '../service/base.ts';
import { changeOf, isFor, makePlan } from '../service/plan.ts';
import { secretName } from '../service/secret-name.ts';
import { serviceTiming } from '../service/timing.ts';
import { drift, refused } from './failures.ts';
import { onHarbor, type HarborApi, type Robot } from './harbor/api.ts';
import { harborNeeds, mustRead, robotFields, robotLimits, robotTarget, supportsOf } from './harbor/robot.ts';
import type { RegistryOptions } from './index.ts';
import type { HarborConfig } from './registries.ts';

const name = 'harbor.disable-robot';

const input = z.strictObject({
  ...robotFields,
  secret: secretName(
    'Where its secret is kept: with it the containment is proven by a login that is refused',
  ).exactOptional(),
});
type Input = z.infer<typeof input>;

/** Stops a robot account from logging in, until it is released. */
export function harborDisableRobot({ registries, secrets }: RegistryOptions): Action<Input> {
  return {
    name,
    title: 'Disable a Harbor robot',
    summary:
      'Disables a robot account: no login with its secret succeeds until the release enables it again. Everything else about it stays as it is.',
    effect: 'contain',
    holds: true,
    input,
    outputs: {
      type: 'object',
      required: ['robot'],
      properties: { robot: { type: 'string', description: 'Name of the robot, as it logs in' } },
      additionalProperties: false,
    },
    permissions: [
      ...harborNeeds('robot: read', 'reads the robot', 'plan', 'apply', 'verify', 'undo'),
      ...harborNeeds('robot: update', 'disables it', 'apply'),
      ...harborNeeds('robot: update', 'enables it again', 'undo'),
      ...(secrets.permissions?.('read', 'verify') ?? []),
    ],
    notCovered: robotLimits,
    timing: { ...serviceTiming, undoMs: 60_000 },
    plan: (context, request) =>
      onHarbor(registries, context, request, (api, harbor) => plan(context, api, harbor, request.input)),
    apply: (context, mandate) =>
      onHarbor(registries, context, mandate, (api, harbor) => apply(context, api, harbor, mandate)),
    verify: (context, mandate) =>
      onHarbor(registries, context, mandate, (api, harbor) => verify(context, api, harbor, secrets, mandate)),
    undo: (context, mandate) =>
      onHarbor(registries, context, mandate, (api, harbor) => undo(context, api, harbor, mandate)),
  };
}

async function plan(
  context: ActionContext,
  api: HarborApi,
  harbor: HarborConfig,
  asked: Input,
): Promise<Plan> {
  const target = robotTarget(harbor, asked.robot);
  const robot = await mustRead(api, harbor, asked.robot);
  return makePlan(context, {
    action: name,
    target,
    environment: harbor.environment,
    supports: supportsOf(harbor, robot),
    rule: 'disable this robot, and change nothing else about it',
    undo: {
      kind: 'restore',
      text: robot.disable
        ? 'It was disabled before: the release leaves it so.'
        : 'The release enables it again.',
    },
    changes: robot.disable
      ? []
      : [changeOf('update', 'Robot', target.name, `${robot.name} is disabled`, target.uid)],
    notCovered: robotLimits,
    description: {
      title: `Disable robot ${robot.name} in ${target.cluster}`,
      ifApproved: [
        robot.disable
          ? `${robot.name} is disabled already, and stays so.`
          : `Pulls and pushes of ${robot.name} fail once the bearer tokens that it has run out.`,
        'The release enables it again, with the secret that it has then.',
      ],
      ifDenied: [`${robot.name} can go on logging in.`],
    },
    snapshot: { robot },
  });
}

/** The robot of the mandate, as it is now. @throws Refused, Drift when another robot has its number */
async function mandated(
  api: HarborApi,
  context: ActionContext,
  harbor: HarborConfig,
  mandate: Mandate<Input>,
): Promise<{ robot: Robot; base: Robot }> {
  const target = robotTarget(harbor, mandate.input.robot);
  if (!isFor(mandate, name, target)) throw refused(`the authority is not for ${target.name}`);
  const [robot, snapshot] = await Promise.all([
    mustRead(api, harbor, mandate.input.robot),
    baseOf(context, mandate),
  ]);
  const base = snapshot['robot'];
  if (!isObject(base) || base['id'] !== robot.id || base['name'] !== robot.name)
    throw drift(target.name, 'is not the one of the base snapshot');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own plan stored it
  return { robot, base: base as Robot };
}

async function apply(
  context: ActionContext,
  api: HarborApi,
  harbor: HarborConfig,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const began = performance.now();
  const { robot } = await mandated(api, context, harbor, mandate);
  const target = robotTarget(harbor, robot.id);
  if (!robot.disable) {
    await context.beforeWrite(`disable ${target.name}`);
    await api.update({ ...robot, disable: true });
    await context.checkpoint(`disabled ${target.name}`);
  }
  return {
    changes: robot.disable
      ? []
      : [changeOf('update', 'Robot', target.name, `${robot.name} was disabled`, target.uid)],
    already: robot.disable ? 1 : 0,
    measures: { disabledMs: Math.round(performance.now() - began) },
    outputs: { robot: robot.name },
    artefacts: [],
    byHand: `in Harbor, Robot Accounts: enable ${robot.name}`,
    unavailable: [],
  };
}

async function verify(
  context: ActionContext,
  api: HarborApi,
  harbor: HarborConfig,
  secrets: SecretStores,
  { input: asked, incident }: Mandate<Input>,
): Promise<Verification> {
  const robot = await mustRead(api, harbor, asked.robot);
  const at = asked.secret === undefined ? undefined : secrets(asked.secret);
  const stored = await at?.store.read(at.path, { signal: context.signal, incident });
  const claim = `robot ${robot.name} cannot log in`;
  const claims: Claim[] = [];
  if (!robot.disable) claims.push({ claim, verdict: 'failed', detail: 'Harbor says that it is enabled' });
  else if (stored === undefined)
    claims.push({
      claim,
      verdict: 'evaluated',
      detail: 'Harbor says that it is disabled; its secret is not known, so no login was tried',
    });
  else if (await api.canLogIn(robot.name, stored.value))
    claims.push({ claim, verdict: 'failed', detail: 'a login with its secret was accepted' });
  else
    claims.push({
      claim,
      verdict: 'verified',
      detail: 'Harbor says that it is disabled, and a login with its secret was answered 401',
    });
  return { state: robot.disable ? 'in-place' : 'absent', verdict: worst(claims), claims };
}

/** Enables it where the base had it enabled. What somebody else has changed since stays, and is said. */
async function undo(
  context: ActionContext,
  api: HarborApi,
  harbor: HarborConfig,
  mandate: Mandate<Input>,
): Promise<Undone> {
  const { robot, base } = await mandated(api, context, harbor, mandate);
  const target = robotTarget(harbor, robot.id);
  const edited = Object.keys({ ...base, ...robot }).filter(
    (key) => key !== 'disable' && canonical(base[key] ?? null) !== canonical(robot[key] ?? null),
  );
  const conflicts =
    edited.length === 0
      ? []
      : [{ object: target.name, why: `somebody else changed ${edited.join(', ')}: kept as it is now` }];
  const enable = robot.disable && !base.disable;
  if (enable) {
    await context.beforeWrite(`enable ${target.name}`);
    await api.update({ ...robot, disable: false });
    await context.checkpoint(`enabled ${target.name}`);
  }
  const now = enable ? await mustRead(api, harbor, robot.id) : robot;
  return {
    changes: enable
      ? [changeOf('update', 'Robot', target.name, `${robot.name} was enabled`, target.uid)]
      : [],
    already: enable ? 0 : 1,
    conflicts,
    notRestored: [],
    claims: [
      {
        claim: `robot ${robot.name} is ${base.disable ? 'disabled' : 'enabled'}, as before`,
        verdict: now.disable === base.disable ? 'verified' : 'failed',
        detail: 'read back',
      },
    ],
  };
}
