import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LEVELS, startGitLab, type GitLabTestbed, type Resource, type Token } from '../../testbed/gitlab.ts';
import { startHarbor, type HarborTestbed } from '../../testbed/harbor.ts';

let gitlab: GitLabTestbed;
let harbor: HarborTestbed;
let shop: Resource;
let maintainer: Token;

beforeEach(async () => {
  [gitlab, harbor] = await Promise.all([startGitLab(), startHarbor()]);
  const ana = gitlab.addUser('ana');
  shop = gitlab.addResource('project', 'acme/shop', [[ana, LEVELS.maintainer]]);
  maintainer = gitlab.addPersonalToken(ana, ['api']);
});

afterEach(() => Promise.all([gitlab.stop(), harbor.stop()]));

async function call(method: string, path: string, token?: string, body?: unknown) {
  const answer = await fetch(`${gitlab.url}/api/v4${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { 'private-token': token }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}

test('GitLab: who calls, and with which scopes', async () => {
  const path = '/projects/acme%2Fshop/access_tokens';
  expect(await call('GET', path)).toMatchObject({ status: 401, body: { message: '401 Unauthorized' } });
  expect(await call('GET', path, 'glpat-nobodys')).toMatchObject({ status: 401 });
  const bearer = await fetch(`${gitlab.url}/api/v4${path}`, {
    headers: { authorization: `Bearer ${maintainer.value}` },
  });
  expect(bearer.status).toBe(200);
  const narrow = gitlab.addPersonalToken(maintainer.user, ['read_api']);
  expect(await call('GET', path, narrow.value)).toMatchObject({ status: 200 });
  expect(await call('POST', path, narrow.value, { name: 'x', scopes: ['api'] })).toMatchObject({
    status: 403,
    body: { error: 'insufficient_scope' },
  });
  const stranger = gitlab.addPersonalToken(gitlab.addUser('eve'), ['api']);
  expect(await call('GET', path, stranger.value)).toMatchObject({
    status: 404,
    body: { message: '404 Project Not Found' },
  });
  shop.members.set(stranger.user.id, LEVELS.developer);
  expect(await call('GET', path, stranger.value)).toMatchObject({ status: 401 });
  expect(await call('PATCH', path, maintainer.value)).toMatchObject({ status: 405 });
  expect(await call('GET', '/nothing', maintainer.value)).toMatchObject({ status: 404 });
});

test('GitLab: rotating a token a second time revokes its whole family', async () => {
  const token = gitlab.addAccessToken(shop, ['api']);
  const path = `/projects/${shop.id}/access_tokens/${token.id}/rotate`;
  const first = await call('POST', path, maintainer.value);
  expect(first).toMatchObject({
    status: 200,
    body: { name: token.name, active: true, user_id: token.user.id },
  });
  expect(await call('GET', '/personal_access_tokens/self', first.body.token)).toMatchObject({ status: 200 });
  expect(await call('GET', '/personal_access_tokens/self', token.value)).toMatchObject({
    status: 401,
    body: { error: 'invalid_token' },
  });
  const later = await call(
    'POST',
    `/projects/${shop.id}/access_tokens/${first.body.id}/rotate`,
    maintainer.value,
  );
  const other = gitlab.addAccessToken(shop, ['api']);
  expect((await call('POST', path, maintainer.value)).status).toBe(401);
  expect((await call('GET', '/personal_access_tokens/self', later.body.token)).status).toBe(401);
  expect(other.revoked).toBe(false);
});

test('GitLab: a new access token, its limits, and who may make one', async () => {
  const path = '/projects/acme%2Fshop/access_tokens';
  const good = { name: 'ci', scopes: ['read_registry'], access_level: 30 };
  const made = await call('POST', path, maintainer.value, good);
  expect(made).toMatchObject({ status: 201, body: { access_level: 30, scopes: ['read_registry'] } });
  for (const bad of [
    {},
    { ...good, scopes: ['root'] },
    { ...good, access_level: 31 },
    { ...good, access_level: 50 },
    { ...good, expires_at: '2020-01-01' },
    { ...good, expires_at: 'soon' },
  ])
    expect((await call('POST', path, maintainer.value, bad)).status).toBe(400);
  const bot = gitlab.addAccessToken(shop, ['api'], { level: 40 });
  expect((await call('POST', path, bot.value, good)).status).toBe(400);
  expect((await call('POST', `${path}/${made.body.id}/rotate`, bot.value)).status).toBe(401);
  expect((await call('POST', `/personal_access_tokens/self/rotate`, made.body.token)).status).toBe(403);
});

test('GitLab: several variables of one key need a scope; masked values are judged; hidden ones are never shown', async () => {
  const path = '/projects/acme%2Fshop/variables';
  for (const environment_scope of ['a', 'b'])
    await call('POST', path, maintainer.value, { key: 'K', value: 'x', environment_scope });
  expect((await call('GET', `${path}/K`, maintainer.value)).status).toBe(409);
  const of = (scope: string) => `${path}/K?filter%5Benvironment_scope%5D=${scope}`;
  expect(await call('GET', of('a'), maintainer.value)).toMatchObject({
    status: 200,
    body: { environment_scope: 'a' },
  });
  expect((await call('GET', of('c'), maintainer.value)).status).toBe(404);
  expect(await call('PUT', of('a'), maintainer.value, { value: 'short', masked: true })).toMatchObject({
    status: 400,
    body: { message: { value: ['is invalid'] } },
  });
  const hidden = { key: 'H', value: 'hidden-value-1', masked_and_hidden: true };
  expect(await call('POST', path, maintainer.value, hidden)).toMatchObject({
    status: 201,
    body: { value: null, masked: true },
  });
  expect(
    (await call('PUT', `${path}/H`, maintainer.value, { value: 'hidden-value-2', masked: false })).status,
  ).toBe(400);
});

test('GitLab: a runner, and a pipeline that is cancelled', async () => {
  const runner = gitlab.addRunner([shop]);
  expect((await call('POST', '/runners/verify', undefined, { token: runner.token })).status).toBe(200);
  expect((await call('POST', '/runners/verify', undefined, { token: 'glrt-nobodys' })).status).toBe(403);
  expect(
    (await call('POST', `/runners/${runner.id}/reset_authentication_token`, maintainer.value)).status,
  ).toBe(201);
  expect((await call('POST', '/runners/abc/reset_authentication_token', maintainer.value)).status).toBe(400);
  const pipeline = gitlab.addPipeline(shop, ['build', 'push']);
  const at = `/projects/${shop.id}/pipelines`;
  expect((await call('GET', `${at}?status=running`, maintainer.value)).body).toHaveLength(1);
  expect(await call('POST', `${at}/${pipeline.id}/cancel`, maintainer.value)).toMatchObject({
    status: 200,
    body: { status: 'canceled' },
  });
  expect(pipeline.jobs.map(({ status }) => status)).toEqual(['canceled', 'canceled']);
});

test('Harbor: who calls, what an update must hold, and its rule for secrets', async () => {
  const robot = harbor.addRobot('acme+deployer');
  const { username, password } = harbor.admin;
  const admin = as(username, password);
  const path = `/api/v2.0/robots/${robot.id}`;
  expect(await ask('GET', path, {})).toMatchObject({
    status: 401,
    body: { errors: [{ code: 'UNAUTHORIZED' }] },
  });
  expect((await ask('GET', path, as(robot.name, robot.secret))).status).toBe(403);
  const { body: shown } = await ask('GET', path, admin);
  expect(shown).toMatchObject({ name: 'robot$acme+deployer', disable: false });
  expect(JSON.stringify(shown)).not.toContain(robot.secret);
  expect((await ask('PUT', path, admin, { ...shown, name: 'other' })).status).toBe(400);
  expect((await ask('PUT', path, admin, { ...shown, permissions: [] })).status).toBe(400);
  expect((await ask('PUT', path, admin, { ...shown, disable: 'yes' })).status).toBe(422);
  expect((await ask('PATCH', path, admin, { secret: 'onlylower' })).status).toBe(400);
  expect((await ask('PATCH', path, admin)).status).toBe(422);
  const { body: made } = await ask('PATCH', path, admin, {});
  expect(made.secret).toBe(robot.secret);
  expect((await ask('PATCH', path, admin, { secret: 'Given-Secret-1' })).body).toEqual({ secret: '' });
  const login = () => ask('GET', '/service/token?service=harbor-registry', as(robot.name, 'Given-Secret-1'));
  expect((await login()).status).toBe(200);
  expect((await ask('PUT', path, admin, { ...shown, disable: true })).status).toBe(200);
  expect((await login()).status).toBe(401);
  expect((await ask('GET', '/api/v2.0/robots/99', admin)).status).toBe(404);
  expect((await ask('GET', '/api/v2.0/robots/abc', admin)).status).toBe(422);
  expect((await ask('POST', path, admin)).status).toBe(405);
  const { body: audit } = await ask('GET', '/api/v2.0/audit-logs', admin);
  expect(audit[0]).toMatchObject({ username: 'admin', resource: 'robot$acme+deployer', operation: 'update' });
});

test('Harbor takes a push of a robot that may, and tells of it to who may list', async () => {
  const admin = as(harbor.admin.username, harbor.admin.password);
  const pusher = harbor.addRobot('ci', {
    permissions: [
      { kind: 'project', namespace: 'shop', access: [{ resource: 'repository', action: 'push' }] },
    ],
  });
  const auditor = harbor.addRobot('auditor', {
    permissions: [
      { kind: 'system', namespace: '/', access: [{ resource: 'audit-log', action: 'list' }] },
      { kind: 'project', namespace: '*', access: [{ resource: 'artifact', action: 'list' }] },
    ],
  });
  const digest = harbor.push(pusher, 'shop/web/api', 'v1');
  expect(() => harbor.push(pusher, 'other/web', 'v1')).toThrow('forbidden');
  expect(() => harbor.push({ ...pusher, secret: 'another' }, 'shop/web', 'v1')).toThrow('unauthorized');
  const asAuditor = as(auditor.name, auditor.secret);
  const log = await ask('GET', '/api/v2.0/audit-logs', asAuditor);
  expect(log.body).toMatchObject([
    { username: pusher.name, resource: 'shop/web/api:v1', operation: 'create' },
  ]);
  const path = '/api/v2.0/projects/shop/repositories/web%252Fapi/artifacts';
  expect((await ask('GET', path, asAuditor)).body).toMatchObject([{ digest, tags: [{ name: 'v1' }] }]);
  expect((await ask('GET', path, admin)).status).toBe(200);
  for (const where of [path, '/api/v2.0/audit-logs'])
    expect((await ask('GET', where, as(pusher.name, pusher.secret))).status).toBe(403);
  expect((await ask('GET', '/api/v2.0/projects/shop/repositories/none/artifacts', admin)).status).toBe(404);
});

/** Calls Harbor. */
const ask = async (method: string, path: string, headers: Record<string, string>, body?: unknown) => {
  const answer = await fetch(`${harbor.url}${path}`, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
};

function as(user: string, secret: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` };
}
