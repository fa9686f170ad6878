import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { hash } from 'bcryptjs';
import { accountRegistry } from '../../activities/aws/accounts.ts';
import { findUse } from '../../activities/credentials/find-use.ts';
import type { FindUseInput } from '../../activities/credentials/find-use/contract.ts';
import type { Mandate } from '../../domain/action.ts';
import { Secret } from '../../domain/secret.ts';
import { startHarbor, type HarborTestbed } from '../../testbed/harbor.ts';
import { freePort } from '../../testbed/ports.ts';
import { waitFor } from '../../testbed/process.ts';
import { startRegistry, type Registry } from '../../testbed/registry.ts';
import { readingContext } from '../support/action-context.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

let gateway: TestGateway;
let registry: Registry;
let harbor: HarborTestbed;
let port: number;
let action: ReturnType<typeof findUse>;
const began = new Date();

async function line(user: string, password: string): Promise<string> {
  return `${user}:${(await hash(password, 4)).replace('$2b$', '$2y$')}`;
}

beforeAll(async () => {
  port = await freePort();
  gateway = await startTestGateway();
  await gateway.listen({ host: '127.0.0.1', port });
  [registry, harbor] = await Promise.all([
    startRegistry({
      htpasswd: `${await line('deployer', 'leaked')}\n${await line('ana', 'hers')}\n`,
      notify: {
        url: `http://127.0.0.1:${port}/v1/registry-events/images`,
        headers: { Authorization: [`Bearer ${gateway.tokens.registry}`] },
      },
    }),
    startHarbor(),
  ]);
  action = findUse({
    accounts: accountRegistry([]),
    registries: [
      {
        kind: 'basic-auth',
        name: 'images',
        environment: 'production',
        url: registry.url,
        htpasswd: 'vault/htpasswd',
      },
      {
        kind: 'harbor',
        name: 'harbor',
        environment: 'production',
        url: harbor.url,
        username: harbor.admin.username,
        password: () => Promise.resolve(new Secret(harbor.admin.password)),
      },
    ],
    auditLogs: [],
    registryEvents: gateway.state.registryEvents,
  });
}, 600_000);
afterAll(async () => {
  await registry.stop();
  await harbor.stop();
  await gateway.close();
});

const now = () => new Date().toISOString();
const context = () => readingContext(gateway.state.evidence);

async function mandateOf(
  credential: FindUseInput['credential'],
  step: string,
): Promise<Mandate<FindUseInput>> {
  const input: FindUseInput = { credential, window: { since: began.toISOString() } };
  const plan = await action.plan(context(), { incident: 'inc-1', step, input });
  return { incident: 'inc-1', step, input, authority: plan.authority, base: plan.snapshot };
}

const notified = async (user: string, digest: string) =>
  waitFor(`the notification of ${digest}`, async () => {
    const found = await gateway.state.registryEvents.find({
      registry: 'images',
      actor: user,
      since: began.toISOString(),
      until: new Date().toISOString(),
      most: 1_000,
    });
    return found.events.some((event) => event.digest === digest && event.action === 'push');
  });

test('what a real registry notifies a real gateway of: images by digest, tags that moved, nobody else’s', async () => {
  const first = await registry.push('deployer', 'leaked', 'acme/shop', '1');
  const second = await registry.push('deployer', 'leaked', 'acme/shop', '1');
  const hers = await registry.push('ana', 'hers', 'acme/shop', '2');
  await notified('deployer', second);
  await notified('ana', hers);
  const mandate = await mandateOf({ registryUser: { registry: 'images', name: 'deployer' } }, 'used');
  const { outputs } = await action.apply(context(), mandate);
  expect(outputs).toMatchObject({
    digests: [first, second].toSorted(),
    digestCount: 2,
    principals: ['deployer'],
    addresses: ['127.0.0.1'],
  });
  expect(outputs['tags']).toEqual([
    { repository: 'acme/shop', tag: '1', digest: second, at: expect.any(String) },
    { repository: 'acme/shop', tag: '1', digest: first, at: expect.any(String) },
  ]);
  // The registry's endpoint came up within the window: what was before nobody knows.
  expect(outputs).toMatchObject({
    complete: false,
    unavailable: [{ what: 'notifications of registry images' }],
  });
  expect(outputs['first']).toMatch(/Z$/);
});

test('what is pushed while the gateway is down arrives once it is up: nothing was answered before it was durable', async () => {
  const mandate = await mandateOf({ registryUser: { registry: 'images', name: 'ana' } }, 'again');
  const before = await action.apply(context(), mandate);
  await gateway.app.close();
  const digest = await registry.push('ana', 'hers', 'acme/down', '1');
  const again = gateway.again();
  await again.listen({ host: '127.0.0.1', port });
  await notified('ana', digest);
  expect(before.outputs['digests']).not.toContain(digest);
  const { claims } = await action.verify(context(), mandate);
  expect(claims[1]?.detail).toContain('more came after it');
  expect((await action.apply(context(), mandate)).outputs['digests']).toContain(digest);
});

test('Harbor’s audit log, under a system administrator; a robot’s name; refused without the right', async () => {
  const robot = 'robot$acme+deployer';
  const digest = `sha256:${'b'.repeat(64)}`;
  const entry = { username: robot, resource_type: 'artifact', operation: 'create' };
  harbor.addAudit({ ...entry, resource: `acme/shop@${digest}`, op_time: now() });
  harbor.addAudit({ ...entry, resource: 'acme/shop:v1', operation: 'pull', op_time: now() });
  harbor.addAudit({
    ...entry,
    username: 'ana',
    resource: `acme/shop@sha256:${'c'.repeat(64)}`,
    op_time: now(),
  });
  harbor.addAudit({
    ...entry,
    resource: `acme/old@sha256:${'d'.repeat(64)}`,
    op_time: '2020-01-01T00:00:00.000Z',
  });
  const mandate = await mandateOf({ registryUser: { registry: 'harbor', name: robot } }, 'harbor');
  expect((await action.apply(context(), mandate)).outputs).toMatchObject({
    events: 2,
    digests: [digest],
    principals: [robot],
    complete: true,
    unavailable: [],
  });
  expect(await action.verify(context(), mandate)).toMatchObject({ verdict: 'verified' });

  const weak = harbor.addUser('weak');
  const asWeak = findUse({
    accounts: accountRegistry([]),
    registries: [
      {
        kind: 'harbor',
        name: 'harbor',
        environment: 'production',
        url: harbor.url,
        username: weak.name,
        password: () => Promise.resolve(new Secret(weak.password)),
      },
    ],
    auditLogs: [],
    registryEvents: gateway.state.registryEvents,
  });
  await expect(asWeak.apply(context(), mandate)).rejects.toMatchObject({
    type: 'FB3502',
    nonRetryable: true,
  });
});
