import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { hash } from 'bcryptjs';
import type { RegistryOptions } from '../../activities/registries/index.ts';
import { registryRegistry } from '../../activities/registries/registries.ts';
import { registryRotateUser } from '../../activities/registries/registry-rotate-user.ts';
import { freePort } from '../../testbed/ports.ts';
import { waitFor } from '../../testbed/process.ts';
import { startRegistry, type Registry } from '../../testbed/registry.ts';
import { contextOf } from '../support/action-context.ts';
import { killedEverywhere, planned, serviceWorld, type ServiceWorld } from '../support/service-world.ts';

let registry: Registry;
let world: ServiceWorld;
let options: RegistryOptions;
let file: string;
const events: { action: string; target: { digest: string }; actor: { name: string } }[] = [];
const receiver = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk) => (text += String(chunk)));
  request.on('end', () => {
    events.push(...JSON.parse(text).events);
    response.end();
  });
});

async function line(user: string, password: string): Promise<string> {
  return `${user}:${(await hash(password, 4)).replace('$2b$', '$2y$')}`;
}

beforeAll(async () => {
  const port = await freePort();
  receiver.listen(port, '127.0.0.1');
  await once(receiver, 'listening');
  // Comments, empty lines and line ends of other systems are other people's, too.
  file = `# users\n\n${await line('ana', 'anas-password')}\r\n${await line('deployer', 'leaked-password')}\n${await line('deployer2', 'other')}`;
  registry = await startRegistry({ htpasswd: file, notify: { url: `http://127.0.0.1:${port}/events` } });
}, 600_000);

afterAll(async () => {
  await registry.stop();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

beforeEach(async () => {
  world = await serviceWorld();
  await registry.writeHtpasswd(file);
  await world.put('registry/htpasswd', file);
  await world.put('registry/deployer', 'leaked-password');
  const named = { name: 'acme', environment: 'production', kind: 'basic-auth', url: registry.url } as const;
  options = {
    secrets: world.secrets,
    registries: registryRegistry([{ ...named, htpasswd: 'vault/registry/htpasswd' }]),
  };
});

const input = { registry: 'acme', user: 'deployer', secret: 'vault/registry/deployer' };

/** What a deployment does: brings the file from its secret to the registry. */
async function propagate() {
  await registry.writeHtpasswd((await world.stored('registry/htpasswd')) ?? '');
}

test('the testbed is a registry: it takes a push, notifies who pushed what, and refuses strangers', async () => {
  const digest = await registry.push('deployer', 'leaked-password', 'acme/shop', '1');
  await waitFor('the notification', async () =>
    events.some(
      ({ action, target, actor }) =>
        action === 'push' && target.digest === digest && actor.name === 'deployer',
    ),
  );
  expect(await registry.status()).toBe(401);
  expect(await registry.status('deployer', 'wrong')).toBe(401);
  await expect(registry.push('deployer', 'wrong', 'acme/shop', '2')).rejects.toThrow('401');
});

test("a password is rotated, stored and proven; every other user's line stays byte for byte", async () => {
  const rotate = registryRotateUser(options);
  const { plan, mandate } = await planned(world, rotate, input);
  const applied = await rotate.apply(contextOf(world.evidence), mandate);
  const now = (await world.stored('registry/htpasswd')) ?? '';
  const before = file.split('\n');
  expect(now.split('\n').map((text, at) => (text === before[at] ? 'same' : text.slice(0, 13)))).toEqual([
    'same',
    'same',
    'same',
    'deployer:$2y$',
    'same',
  ]);
  const password = (await world.stored('registry/deployer')) ?? '';
  // The registry gets it while the verification waits.
  const verifying = rotate.verify(contextOf(world.evidence), mandate);
  await propagate();
  const verified = await verifying;
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'verified' });
  expect(await registry.status('deployer', password)).toBe(200);
  expect(await registry.status('deployer', 'leaked-password')).toBe(401);
  expect(await registry.status('ana', 'anas-password')).toBe(200);
  const said = JSON.stringify([plan, applied, verified]);
  expect(said).not.toContain(password);
  expect(said).not.toContain('leaked-password');
  expect(said).not.toContain('$2y$');
});

test('killed at every boundary: one password, stored and in the file', async () => {
  const rotate = registryRotateUser(options);
  const { mandate } = await planned(world, rotate, input);
  const { killedAt } = await killedEverywhere(world, rotate, 'apply', mandate);
  expect(killedAt).toEqual([
    'intended generate vault/registry/deployer',
    'store vault/registry/deployer',
    'stored vault/registry/deployer',
    'write vault/registry/htpasswd',
    'wrote vault/registry/htpasswd',
  ]);
  await propagate();
  expect(await rotate.verify(contextOf(world.evidence), mandate)).toMatchObject({ verdict: 'verified' });
});

test("another user's line is written at the same moment: both changes are in the file", async () => {
  const rotate = registryRotateUser(options);
  const { mandate } = await planned(world, rotate, input);
  let raced = false;
  const atBoundary = async (name: string) => {
    if (raced || name !== 'write vault/registry/htpasswd') return;
    raced = true;
    await world.put('registry/htpasswd', `${file}\nben:$2y$04$${'a'.repeat(53)}`);
  };
  await rotate.apply(contextOf(world.evidence, { atBoundary }), mandate);
  expect(raced).toBe(true);
  expect(await world.stored('registry/htpasswd')).toContain('\nben:$2y$04$');
  await propagate();
  expect(await rotate.verify(contextOf(world.evidence), mandate)).toMatchObject({ verdict: 'verified' });
});

test('the user got another password from somebody else: drift, and nothing is written', async () => {
  const rotate = registryRotateUser(options);
  const { mandate } = await planned(world, rotate, input);
  const theirs = file.replace(/deployer:.*/, `deployer:$2y$04$${'b'.repeat(53)}`);
  await world.put('registry/htpasswd', theirs);
  await expect(rotate.apply(contextOf(world.evidence), mandate)).rejects.toMatchObject({ type: 'Drift' });
  expect(await world.stored('registry/htpasswd')).toBe(theirs);
  expect(await world.stored('registry/deployer')).toBe('leaked-password');
});

test.each([
  ['is not in the file', 'nobody', 'TargetGone'],
  ['is only the beginning of a name', 'deploy', 'TargetGone'],
  ['is there twice', 'twice', 'FB3613'],
])('a user who %s is refused', async (_what, user, type) => {
  await world.put(
    'registry/htpasswd',
    `${file}\ntwice:$2y$04$${'a'.repeat(53)}\ntwice:$2y$04$${'b'.repeat(53)}`,
  );
  await expect(planned(world, registryRotateUser(options), { ...input, user })).rejects.toMatchObject({
    type,
  });
});

test("the file of all users is never named as one user's password", async () => {
  const rotating = planned(world, registryRotateUser(options), {
    ...input,
    secret: 'vault/registry/htpasswd',
  });
  await expect(rotating).rejects.toMatchObject({ type: 'Refused' });
  expect(await world.stored('registry/htpasswd')).toBe(file);
});

test('a registry that never gets the file is not called proven', async () => {
  const rotate = registryRotateUser(options);
  const { mandate } = await planned(world, rotate, input);
  await rotate.apply(contextOf(world.evidence), mandate);
  const gone = new AbortController();
  const polls: string[] = [];
  const context = contextOf(world.evidence, {
    atBoundary: (name) => void (polls.push(name) > 1 && gone.abort(new Error('the deadline has passed'))),
  });
  const verifying = rotate.verify({ ...context, signal: gone.signal }, mandate);
  await expect(verifying).rejects.toThrow();
  expect(polls).toContain('await acme');
});
