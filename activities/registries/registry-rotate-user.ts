import { z } from 'zod';
import type { Action, ActionContext, Applied, Mandate, Plan, Target } from '../../domain/action.ts';
import { FirebreakError } from '../../domain/errors.ts';
import { digest, sha256, type JsonObject } from '../../domain/json.ts';
import { Secret, type SecretStores } from '../../domain/secret.ts';
import { typed } from '../failure.ts';
import { baseOf } from '../service/base.ts';
import { placeGenerated } from '../service/generated.ts';
import { changeOf, isFor, limit, makePlan, nothingRestored } from '../service/plan.ts';
import { secretName } from '../service/secret-name.ts';
import { serviceTiming } from '../service/timing.ts';
import { drift, refused, targetGone, unusableFile } from './failures.ts';
import { bcryptHash, fits, linesOf, withHash, type HtpasswdLine } from './htpasswd.ts';
import type { RegistryOptions } from './index.ts';
import { registryPlace, type BasicAuthConfig } from './registries.ts';
import { propagationMs, verifyUser } from './verify-user.ts';

const name = 'registry.rotate-user';

const WRITES = 6;

const input = z.strictObject({
  registry: z.string().min(1).max(63).describe('Name of the registry as configured under registries'),
  user: z
    .string()
    .regex(/^[^\s:#][^\s:]{0,127}$/, 'must be the name of a user in the htpasswd file')
    .describe('User whose password is replaced'),
  secret: secretName("Where the user's password is kept, and the new one will be"),
});
type Input = z.infer<typeof input>;

const notCovered = [
  limit(
    'propagation',
    'Firebreak writes the htpasswd file to its secret. How it gets from there to the registry, and how long that takes, is up to its deployment; the verification waits for it.',
  ),
  limit(
    'pushed-images',
    'What was pushed or pulled with the old password stays: look for it in the notifications over the whole window.',
  ),
];

/** Gives a user of a registry with basic authentication a new password. */
export function registryRotateUser({ registries, secrets }: RegistryOptions): Action<Input> {
  return {
    name,
    title: "Rotate a registry user's password",
    summary:
      'Generates a new password for a user of a registry whose users are an htpasswd file, stores it, and replaces the line of the user in the file by a bcrypt hash of it. Every other byte of the file stays.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['user', 'secret'],
      properties: {
        user: { type: 'string', description: 'Name of the user' },
        secret: {
          type: 'string',
          'x-secret': true,
          description: 'Name of the secret that holds the password',
        },
      },
      additionalProperties: false,
    },
    permissions: [
      ...(secrets.permissions?.('read', 'plan') ?? []),
      ...(secrets.permissions?.('write', 'apply') ?? []),
      ...(secrets.permissions?.('read', 'verify') ?? []),
    ],
    notCovered,
    timing: { ...serviceTiming, verifyMs: propagationMs + 30_000 },
    plan: (context, request) =>
      typed(() => plan(context, registries('basic-auth', request.input.registry), secrets, request)),
    apply: (context, mandate) =>
      typed(() => apply(context, registries('basic-auth', mandate.input.registry), secrets, mandate)),
    verify: (context, mandate) =>
      typed(() => verifyUser(context, registries('basic-auth', mandate.input.registry), secrets, mandate)),
    undo: (_context, { input: { user } }) =>
      Promise.resolve(nothingRestored(`the old password of ${user} leaked: it is not set again`)),
  };
}

function targetOf(registry: BasicAuthConfig, { user }: Input): Target {
  return { kind: 'User', cluster: registryPlace(registry), name: `user/${user}`, uid: user };
}

/** The file as it is, and the user's one line. @throws FB3613, TargetGone */
async function readFile(
  { signal }: ActionContext,
  registry: BasicAuthConfig,
  secrets: SecretStores,
  incident: string,
  user: string,
): Promise<{ file: string; version: string; line: HtpasswdLine }> {
  const { store, path } = secrets(registry.htpasswd);
  const stored = await store.read(path, { signal, incident });
  if (stored === undefined)
    throw unusableFile(registry.htpasswd, 'does not exist: correct the configuration');
  const file = stored.value.reveal();
  const [line, ...more] = linesOf(file, user);
  if (line === undefined)
    throw targetGone(`user/${user}`, `is not in the htpasswd file of registry ${registry.name}`);
  if (more.length > 0)
    throw unusableFile(registry.htpasswd, `has user ${user} ${more.length + 1} times: leave one line`);
  return { file, version: stored.version, line };
}

function exactly({ user, secret }: Input, { htpasswd }: BasicAuthConfig, line: string): JsonObject {
  return { user, secret, htpasswd, line };
}

async function plan(
  context: ActionContext,
  registry: BasicAuthConfig,
  secrets: SecretStores,
  { incident, input: asked }: { incident: string; input: Input },
): Promise<Plan> {
  const target = targetOf(registry, asked);
  if (asked.secret === registry.htpasswd)
    throw refused(
      `secret ${asked.secret} holds the htpasswd file of all users: name one for this user's password`,
    );
  const { store, path } = secrets(asked.secret);
  const { line } = await readFile(context, registry, secrets, incident, asked.user);
  const stored = await store.read(path, { signal: context.signal, incident });
  const holds = stored !== undefined && (await fits(stored.value, line)) ? 'it' : 'nothing of it';
  // Of a salted hash: the salt leaves nothing to guess.
  const lineDigest = sha256(line.text);
  return makePlan(context, {
    action: name,
    target,
    environment: registry.environment,
    supports: [],
    rule: `set a new password for this user, and store it as ${asked.secret}`,
    exact: exactly(asked, registry, lineDigest),
    undo: { kind: 'none', text: 'The old password is not set again: it leaked.' },
    changes: [
      changeOf(stored === undefined ? 'create' : 'update', 'Secret', asked.secret, 'holds the new password'),
      changeOf(
        'update',
        'Secret',
        registry.htpasswd,
        `the line of ${asked.user} gets another hash; the others stay`,
      ),
    ],
    notCovered,
    description: {
      title: `Rotate the password of ${target.name} in ${target.cluster}`,
      ifApproved: [
        `Pulls and pushes of ${asked.user} with the old password fail once the registry has the new file.`,
        `The new password is stored as ${store.describe(path)}.`,
      ],
      ifDenied: ['Whoever has the password can go on using it.'],
    },
    snapshot: { line: lineDigest, holds },
  });
}

async function apply(
  context: ActionContext,
  registry: BasicAuthConfig,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const { input: asked, authority, incident } = mandate;
  const target = targetOf(registry, asked);
  if (!isFor(mandate, name, target)) throw refused(`the authority is not for ${target.name}`);
  const began = performance.now();
  const { line: planned } = z.object({ line: z.string() }).parse(await baseOf(context, mandate));
  if (digest(exactly(asked, registry, planned)) !== authority.exact)
    throw drift(target.name, 'is not as it was approved');
  const password = secrets(asked.secret);
  const users = secrets(registry.htpasswd);
  const call = { signal: context.signal, incident };

  const read = () => readFile(context, registry, secrets, incident, asked.user);
  const { line } = await read();
  const stored = await password.store.read(password.path, call);
  const isOurs = stored !== undefined && (await fits(stored.value, line));
  if (sha256(line.text) !== planned && !isOurs)
    throw drift(target.name, 'was given another password by somebody else');
  const placed = await placeGenerated(context, incident, password);
  if (placed === undefined)
    throw drift(`secret ${asked.secret}`, 'was written by somebody else since this step began');

  const hash = await bcryptHash(placed.value);
  let already = 0;
  for (let attempt = 1; ; attempt++) {
    const now = await read();
    if (await fits(placed.value, now.line)) {
      already = 1;
      break;
    }
    if (sha256(now.line.text) !== planned)
      throw drift(target.name, 'was given another password by somebody else');
    await context.beforeWrite(`write ${registry.htpasswd}`);
    let written = false;
    try {
      const file = new Secret(withHash(now.file, asked.user, now.line, hash));
      await users.store.write(users.path, file, { ...call, version: now.version });
      written = true;
    } catch (error) {
      // Another user's line was written meanwhile: it must not be lost.
      const raced = error instanceof FirebreakError && error.code === 'FB3402';
      if (!raced || attempt >= WRITES) throw error;
    }
    if (!written) continue;
    await context.checkpoint(`wrote ${registry.htpasswd}`);
    break;
  }
  return {
    changes: [
      ...(placed.already ? [] : [changeOf('update', 'Secret', asked.secret, 'holds the new password')]),
      ...(already === 1
        ? []
        : [changeOf('update', 'Secret', registry.htpasswd, `the line of ${asked.user} has another hash`)]),
    ],
    already: already + Number(placed.already),
    measures: { rotatedMs: Math.round(performance.now() - began) },
    outputs: { user: asked.user, secret: asked.secret },
    artefacts: [],
    unavailable: [],
  };
}
