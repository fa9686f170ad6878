import { z } from 'zod';
import type {
  Action,
  ActionContext,
  Applied,
  Claim,
  Mandate,
  Plan,
  Verification,
} from '../../domain/action.ts';
import { worst } from '../../domain/action.ts';
import { digest, type JsonObject } from '../../domain/json.ts';
import type { SecretStores } from '../../domain/secret.ts';
import { baseOf } from '../service/base.ts';
import { placeGenerated } from '../service/generated.ts';
import { changeOf, isFor, makePlan, nothingRestored } from '../service/plan.ts';
import { secretName } from '../service/secret-name.ts';
import { serviceTiming } from '../service/timing.ts';
import { drift, refused } from './failures.ts';
import { onHarbor, type HarborApi, type Robot } from './harbor/api.ts';
import { harborNeeds, mustRead, robotFields, robotLimits, robotTarget, supportsOf } from './harbor/robot.ts';
import type { RegistryOptions } from './index.ts';
import type { HarborConfig } from './registries.ts';

const name = 'harbor.rotate-robot';

const input = z.strictObject({
  ...robotFields,
  secret: secretName("Where the robot's secret is kept, and the new one will be"),
});
type Input = z.infer<typeof input>;

/** Gives a robot account a new secret, and stores it. */
export function harborRotateRobot({ registries, secrets }: RegistryOptions): Action<Input> {
  return {
    name,
    title: "Rotate a Harbor robot's secret",
    summary:
      'Generates a new secret for a robot account, stores it, and sets it. The old one is refused from then on. The value is stored first: the same call again sets the same value, so that nothing is lost or done twice.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['robot', 'secret'],
      properties: {
        robot: { type: 'string', description: 'Name of the robot, as it logs in' },
        secret: { type: 'string', 'x-secret': true, description: 'Name of the secret that holds its value' },
      },
      additionalProperties: false,
    },
    permissions: [
      ...harborNeeds('robot: read', 'reads the robot', 'plan', 'apply', 'verify'),
      ...harborNeeds('robot: update', 'sets its secret', 'apply'),
      ...(secrets.permissions?.('read', 'plan') ?? []),
      ...(secrets.permissions?.('write', 'apply') ?? []),
      ...(secrets.permissions?.('read', 'verify') ?? []),
    ],
    notCovered: robotLimits,
    timing: serviceTiming,
    plan: (context, request) =>
      onHarbor(registries, context, request, (api, harbor) => plan(context, api, harbor, secrets, request)),
    apply: (context, mandate) =>
      onHarbor(registries, context, mandate, (api, harbor) => apply(context, api, harbor, secrets, mandate)),
    verify: (context, mandate) =>
      onHarbor(registries, context, mandate, (api, harbor) => verify(context, api, harbor, secrets, mandate)),
    undo: (_context, { input: { robot } }) =>
      Promise.resolve(nothingRestored(`the old secret of robot ${robot} leaked: it is not set again`)),
  };
}

async function plan(
  context: ActionContext,
  api: HarborApi,
  harbor: HarborConfig,
  secrets: SecretStores,
  { incident, input: asked }: { incident: string; input: Input },
): Promise<Plan> {
  const target = robotTarget(harbor, asked.robot);
  const { store, path } = secrets(asked.secret);
  const [robot, stored] = await Promise.all([
    mustRead(api, harbor, asked.robot),
    store.read(path, { signal: context.signal, incident }),
  ]);
  const holds =
    stored !== undefined && (await api.canLogIn(robot.name, stored.value)) ? 'it' : 'nothing of it';
  const exact = exactly(robot, asked);
  return makePlan(context, {
    action: name,
    target,
    environment: harbor.environment,
    supports: supportsOf(harbor, robot),
    rule: `set a new secret for this robot, and store it as ${asked.secret}`,
    exact,
    undo: { kind: 'none', text: 'The old secret is not set again: it leaked.' },
    changes: [
      changeOf(stored === undefined ? 'create' : 'update', 'Secret', asked.secret, 'holds the new value'),
      changeOf('update', 'Robot', target.name, `${robot.name} gets a new secret`, target.uid),
    ],
    notCovered: robotLimits,
    description: {
      title: `Rotate the secret of robot ${robot.name} in ${target.cluster}`,
      ifApproved: [
        `Logins of ${robot.name} with the old secret fail from then on.`,
        `The new one is stored as ${store.describe(path)}.`,
      ],
      ifDenied: ['Whoever has the secret can go on using it.'],
    },
    snapshot: { robot: exact, holds },
  });
}

function exactly({ id, name: label, level }: Robot, { secret }: Input): JsonObject {
  return { id, name: label, level, secret };
}

async function apply(
  context: ActionContext,
  api: HarborApi,
  harbor: HarborConfig,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const { input: asked, authority, incident } = mandate;
  const target = robotTarget(harbor, asked.robot);
  if (!isFor(mandate, name, target)) throw refused(`the authority is not for ${target.name}`);
  const began = performance.now();
  const robot = await mustRead(api, harbor, asked.robot);
  if (digest(exactly(robot, asked)) !== authority.exact)
    throw drift(target.name, 'is not as it was approved');
  const placed = await placeGenerated(context, incident, secrets(asked.secret));
  if (placed === undefined)
    throw drift(`secret ${asked.secret}`, 'was written by somebody else since this step began');
  // A login that works proves that an earlier attempt has set it; of a disabled robot nothing is known, and it is set again.
  const set = placed.already && (await api.canLogIn(robot.name, placed.value));
  if (!set) {
    await context.beforeWrite(`refresh ${target.name}`);
    await api.refresh(robot.id, placed.value);
    await context.checkpoint(`refreshed ${target.name}`);
  }
  return {
    changes: [
      ...(placed.already ? [] : [changeOf('update', 'Secret', asked.secret, 'holds the new value')]),
      ...(set
        ? []
        : [changeOf('update', 'Robot', target.name, `${robot.name} has a new secret`, target.uid)]),
    ],
    already: Number(placed.already) + Number(set),
    measures: { rotatedMs: Math.round(performance.now() - began) },
    outputs: { robot: robot.name, secret: asked.secret },
    artefacts: [],
    unavailable: [],
  };
}

async function verify(
  context: ActionContext,
  api: HarborApi,
  harbor: HarborConfig,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { input: asked, incident } = mandate;
  const { store, path } = secrets(asked.secret);
  const call = { signal: context.signal, incident };
  const [robot, base, stored, previous] = await Promise.all([
    mustRead(api, harbor, asked.robot),
    baseOf(context, mandate),
    store.read(path, call),
    store.previous(path, call),
  ]);
  const old = base['holds'] === 'it' ? previous : undefined;
  const accepted = stored !== undefined && (await api.canLogIn(robot.name, stored.value));
  const newClaim = `what is stored as ${asked.secret} logs in as ${robot.name}`;
  const oldClaim = `the old secret of ${robot.name} is refused`;
  const claims: Claim[] = [
    accepted
      ? { claim: newClaim, verdict: 'verified', detail: 'the token service accepts it' }
      : robot.disable
        ? {
            claim: newClaim,
            verdict: 'unverifiable',
            detail: 'the robot is disabled: no secret of it is accepted',
          }
        : { claim: newClaim, verdict: 'failed', detail: 'the token service answers 401' },
  ];
  const oldWorks = old === undefined ? undefined : await api.canLogIn(robot.name, old);
  if (oldWorks === undefined)
    claims.push({
      claim: oldClaim,
      verdict: 'unverifiable',
      detail: 'its value is not known, so it was not tried; Harbor keeps one secret for each robot',
    });
  else
    claims.push(
      oldWorks
        ? { claim: oldClaim, verdict: 'failed', detail: 'the token service accepts it' }
        : { claim: oldClaim, verdict: 'verified', detail: 'the token service answers 401' },
    );
  return {
    state: oldWorks === true ? 'absent' : accepted || robot.disable ? 'in-place' : 'partial',
    verdict: worst(claims),
    claims,
  };
}
