import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { hash } from 'bcryptjs';
import {
  createRegistryClient,
  type RegistryClient,
  type RegistryClientOptions,
} from '../../activities/images/registry/client.ts';
import { failureOfRegistry, RegistryError } from '../../activities/images/registry/errors.ts';
import type { EndpointConfig, ImageRegistryConfig } from '../../activities/images/registry/options.ts';
import { sha256, type Digest } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import { startRegistry, type Registry } from '../../testbed/registry.ts';
import { OCI_EMPTY, OCI_IMAGE, OCI_INDEX, pusher, type Pusher } from '../../testbed/image.ts';
import { startFront, type Front } from '../support/registry-front.ts';

const password = 'pull-password-0123456789';
const basic = `Basic ${Buffer.from(`puller:${password}`).toString('base64')}`;
const from = { registry: 'registry.example', repository: 'shop/api' };
const signal = () => AbortSignal.timeout(25_000);
const credentials = () => Promise.resolve({ username: 'puller', password: new Secret(password) });

let registry: Registry;
let push: Pusher;
let digest: Digest;
let front: Front;
let other: Front;
const clients: RegistryClient[] = [];

beforeAll(async () => {
  registry = await startRegistry({ htpasswd: `puller:${(await hash(password, 4)).replace('$2b$', '$2y$')}` });
  push = pusher(registry.url, from.repository, { authorization: basic });
  digest = (await registry.push('puller', password, from.repository, 'v1')) as Digest;
  front = await startFront(registry.url);
  other = await startFront();
}, 600_000);

afterAll(async () => {
  await Promise.all([registry.stop(), front.stop(), other.stop()]);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const one of [front, other]) {
    one.calls.length = 0;
    one.answer = () => false;
    one.authorization = undefined;
  }
});

function clientOf(
  endpoint: Partial<ImageRegistryConfig> & { url: string },
  options: Partial<RegistryClientOptions> = {},
): RegistryClient {
  const registries = [{ host: from.registry, ...endpoint }];
  const client = createRegistryClient({ timeoutMs: 3_000, ...options, registries });
  clients.push(client);
  return client;
}
const direct = () => clientOf({ url: registry.url, credentials });
/** With the registry behind `front`, which answers in its place where a test says so. */
const fronted = (more: Partial<EndpointConfig> = {}, options: Partial<RegistryClientOptions> = {}) =>
  clientOf({ url: front.url, credentials, ...more }, options);

async function failure(call: Promise<unknown>): Promise<RegistryError> {
  const error = await call.catch((reason: unknown) => reason);
  if (!(error instanceof RegistryError)) throw new Error(`no RegistryError: ${inspect(error)}`);
  const said = `${inspect(error, { depth: 9 })} ${JSON.stringify(error)} ${inspect(failureOfRegistry(error))}`;
  expect(said).not.toContain(password);
  expect(said).not.toContain(basic.slice(6));
  expect(failureOfRegistry(error)).toMatchObject({ type: error.code });
  expect(failureOfRegistry(error).message).toMatch(new RegExp(`^${error.code}: registry registry\\.example`));
  return error;
}

test('a tag, its digest, its blobs and the tags of a real registry with a password', async () => {
  const client = direct();
  const byTag = await client.manifest(from, 'v1', { signal: signal() });
  expect(byTag.digest).toBe(digest);
  expect(sha256(byTag.bytes)).toBe(digest);
  const byDigest = await client.manifest(from, digest, { signal: signal() });
  expect(byDigest).toEqual(byTag);
  if (byDigest.content.kind !== 'image') throw new Error('no image');
  const config = await client.blob(from, byDigest.content.config.digest as Digest, { signal: signal() });
  expect(JSON.parse(Buffer.from(config).toString())).toMatchObject({ architecture: 'amd64', os: 'linux' });
  expect(await client.tags(from, { signal: signal() })).toContain('v1');
});

test('an index and its children keep the bytes that were pushed', async () => {
  const index = await push.manifest(
    {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        { mediaType: OCI_IMAGE, digest, size: 1, platform: { os: 'linux', architecture: 'amd64' } },
      ],
    },
    'multi',
  );
  const read = await direct().manifest(from, 'multi', { signal: signal() });
  expect(read).toMatchObject({ digest: index.digest, content: { kind: 'index', manifests: [{ digest }] } });
});

test.each([
  [
    'a wrong password',
    { credentials: () => Promise.resolve({ username: 'puller', password: new Secret('wrong-password') }) },
  ],
  ['no password', {}],
])('with %s the registry denies: FB3806, never "not there"', async (_what, endpoint) => {
  const error = await failure(
    clientOf({ url: registry.url, ...endpoint }).manifest(from, 'v1', { signal: signal() }),
  );
  expect(error).toMatchObject({ code: 'FB3806', class: 'denied', status: 401 });
});

test('renewed credentials are used by the next call', async () => {
  let now = 'old-password';
  const client = clientOf({
    url: registry.url,
    credentials: () => Promise.resolve({ username: 'puller', password: new Secret(now) }),
  });
  expect((await failure(client.manifest(from, 'v1', { signal: signal() }))).code).toBe('FB3806');
  now = password;
  expect((await client.manifest(from, 'v1', { signal: signal() })).digest).toBe(digest);
});

test('what is not there is FB3803', async () => {
  const client = direct();
  const none = sha256('nothing');
  for (const call of [
    () => client.manifest(from, 'v2', { signal: signal() }),
    () => client.manifest(from, none, { signal: signal() }),
    () => client.blob(from, none, { signal: signal() }),
    () => client.tags({ ...from, repository: 'shop/none' }, { signal: signal() }),
  ])
    expect(await failure(call())).toMatchObject({ code: 'FB3803', status: 404 });
});

test('the password is asked for once, then it is known how', async () => {
  const client = fronted();
  await client.manifest(from, 'v1', { signal: signal() });
  await client.manifest(from, digest, { signal: signal() });
  expect(front.calls.map(({ authorization }) => authorization)).toEqual([undefined, basic, basic]);
});

test.each([
  ['another registry', { ...from, registry: 'registry.example:443' }, 'v1'],
  ['what is no repository', { ...from, repository: 'shop/../../v2/other' }, 'v1'],
  ['what is no tag', from, '../blobs/x'],
  ['what is no tag, with a query', from, 'v1?x'],
  ['another algorithm', from, `sha512:${'a'.repeat(128)}`],
])('%s is never asked for: FB3802', async (_what, image, reference) => {
  await expect(fronted().manifest(image, reference, { signal: signal() })).rejects.toMatchObject({
    code: 'FB3802',
  });
  expect(front.calls).toEqual([]);
});

test.each([
  ['http with credentials to another machine', { url: 'http://registry.example', credentials }, 'https only'],
  ['credentials in the address', { url: 'https://a:b@registry.example' }, 'without credentials'],
  ['no address', { url: 'registry.example' }, 'https'],
  ['a file', { url: 'file:///etc' }, 'https'],
  ['a path that climbs', { url: 'https://registry.example/a/b/%2e%2e%2fc' }, 'path'],
  [
    'a token host that is none',
    { url: 'https://a.example', tokenHosts: ['https://b.example'] },
    'tokenHosts',
  ],
  [
    'a mirror that is none',
    { url: 'https://a.example', mirrors: [{ url: 'ftp://b.example' }] },
    'mirrors[0].url',
  ],
])('a configuration with %s: FB3802', (_what, endpoint, words) => {
  expect(() => clientOf(endpoint)).toThrow(
    expect.objectContaining({ code: 'FB3802', message: expect.stringContaining(words) }),
  );
});

test('other bytes than the digest names are found out: FB3804', async () => {
  front.answer = (call, response) => {
    if (call.authorization !== basic) return false;
    const headers = { 'content-type': OCI_IMAGE, 'docker-content-digest': digest };
    response.writeHead(200, headers).end('{"schemaVersion":2}');
    return true;
  };
  const config = sha256('a blob');
  const client = fronted();
  for (const call of [
    () => client.manifest(from, digest, { signal: signal() }),
    // The registry itself says which digest the tag has.
    () => client.manifest(from, 'v1', { signal: signal() }),
    () => client.blob(from, config, { signal: signal() }),
  ])
    expect(await failure(call())).toMatchObject({ code: 'FB3804', class: 'lied' });
  const message = (await failure(client.blob(from, config, { signal: signal() }))).message;
  expect(message).toContain(config);
  expect(message).toContain(sha256('{"schemaVersion":2}'));
});

/** Counts calls to the path that were authorised. */
const asked = (path: RegExp) =>
  front.calls.filter((call) => path.test(call.path) && call.authorization !== undefined).length;

test.each([
  ['429 with seconds', 429, () => '1'],
  ['429 with a date', 429, () => new Date(Date.now() + 2_000).toUTCString()],
  ['503 without a time', 503, () => undefined],
])('%s is waited for', async (_what, status, header) => {
  let busy = 2;
  front.answer = (call, response) => {
    if (call.authorization === undefined || busy-- <= 0) return false;
    const wait = header();
    response.writeHead(status, wait === undefined ? {} : { 'retry-after': wait }).end('busy');
    return true;
  };
  const began = performance.now();
  expect((await fronted().manifest(from, 'v1', { signal: signal() })).digest).toBe(digest);
  expect(asked(/manifests/)).toBe(3);
  if (status === 429) expect(performance.now() - began).toBeGreaterThan(1_000);
});

test('a registry that asks for an hour is asked once, and one that stays busy four times: FB3805', async () => {
  let wait: string | undefined = '3600';
  front.answer = (call, response) => {
    if (call.authorization === undefined) return false;
    response.writeHead(429, wait === undefined ? {} : { 'retry-after': wait }).end();
    return true;
  };
  const client = fronted();
  expect(await failure(client.manifest(from, 'v1', { signal: signal() }))).toMatchObject({
    code: 'FB3805',
    status: 429,
    retryAfterMs: 3_600_000,
  });
  expect(asked(/manifests/)).toBe(1);
  wait = undefined;
  expect((await failure(client.manifest(from, 'v1', { signal: signal() }))).code).toBe('FB3805');
  expect(asked(/manifests/)).toBe(5);
});

test('a registry that asks to wait is not asked by another read meanwhile', async () => {
  front.answer = (_call, response) => (response.writeHead(429, { 'retry-after': '3' }).end(), true);
  const client = fronted({}, { deadlineMs: 400 });
  for (const reference of ['v1', digest])
    expect((await failure(client.manifest(from, reference, { signal: signal() }))).code).toBe('FB3805');
  expect(front.calls).toHaveLength(1);
});

test('a caller who gives up while it waits is not held', async () => {
  const gone = new AbortController();
  let began = 0;
  front.answer = (_call, response) => {
    response.writeHead(429, { 'retry-after': '10' }).end();
    setTimeout(() => {
      began = performance.now();
      gone.abort(new Error('cancelled'));
    }, 100);
    return true;
  };
  await expect(fronted().manifest(from, 'v1', { signal: gone.signal })).rejects.toThrow('cancelled');
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(front.calls).toHaveLength(1);
});

test('a registry that is down is FB3805, not an image that is not there', async () => {
  const client = clientOf({ url: 'http://127.0.0.1:9', credentials }, { deadlineMs: 20_000 });
  expect(await failure(client.manifest(from, 'v1', { signal: signal() }))).toMatchObject({
    code: 'FB3805',
    status: 0,
  });
});

test('a body that never ends: too large at the limit, too slow at the deadline', async () => {
  let everyMs = 0;
  front.answer = (call, response) => {
    if (call.authorization === undefined) return false;
    response.writeHead(200, { 'content-type': OCI_IMAGE });
    const more = () => {
      if (response.destroyed) return;
      response.write(randomBytes(everyMs === 0 ? 65_536 : 1));
      setTimeout(more, everyMs);
    };
    more();
    return true;
  };
  const client = fronted({}, { timeoutMs: 500, deadlineMs: 1_200 });
  expect(await failure(client.manifest(from, 'v1', { signal: signal(), maxBytes: 200_000 }))).toMatchObject({
    code: 'FB3808',
    class: 'too-large',
  });
  everyMs = 20;
  const began = performance.now();
  const error = await failure(client.blob(from, digest, { signal: signal() }));
  expect(error.code).toBe('FB3805');
  expect(performance.now() - began).toBeLessThan(2_500);
  // Each attempt has its own limit.
  expect(asked(/blobs/)).toBeGreaterThan(1);
});

test.each([
  ['HTML', 'text/html', '<html>'],
  ['schema 1', 'application/vnd.docker.distribution.manifest.v1+json', '{"schemaVersion":1}'],
  [
    'both image and index',
    OCI_IMAGE,
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, layers: [], manifests: [] }),
  ],
])('%s in place of a manifest: FB3809', async (_what, type, text) => {
  front.answer = (call, response) =>
    call.authorization !== undefined && (response.writeHead(200, { 'content-type': type }).end(text), true);
  expect((await failure(fronted().manifest(from, 'v1', { signal: signal() }))).code).toBe('FB3809');
});

test('a registry that quotes what it was sent gets it into no error', async () => {
  front.answer = (call, response) => {
    if (call.authorization === undefined) return false;
    const errors = [{ code: 'DENIED', message: `not you: ${call.authorization} ${password}\n\u202Eevil` }];
    response.writeHead(403).end(JSON.stringify({ errors }));
    return true;
  };
  const error = await failure(fronted().manifest(from, 'v1', { signal: signal() }));
  expect(error).toMatchObject({ code: 'FB3806', status: 403 });
  expect(error.message).toContain('HTTP 403: DENIED not you');
  expect(error.message).not.toMatch(/[\n\u202E]/u);
});

interface TokenService {
  scopes: (string | null)[];
  expiresIn: number;
}

/** `front` asks for tokens that `other` gives; behind it the registry gets its password. */
function withTokens(realm: string, challenge = `scope="repository:shop/api:pull,push"`): TokenService {
  const given = new Set<string>();
  const service: TokenService = { scopes: [], expiresIn: 300 };
  front.authorization = basic;
  front.answer = ({ authorization = '' }, response) => {
    if (given.has(authorization.replace('Bearer ', ''))) return false;
    const header = `Bearer realm="${realm}",service="registry.example",${challenge}`;
    response.writeHead(401, { 'www-authenticate': header }).end();
    return true;
  };
  other.answer = ({ query }, response) => {
    const token = `token-${randomBytes(12).toString('hex')}`;
    given.add(token);
    service.scopes.push(query.get('scope'));
    expect(query.get('service')).toBe('registry.example');
    response.end(JSON.stringify({ access_token: token, expires_in: service.expiresIn }));
    return true;
  };
  return service;
}

test('a token of a host that the configuration names: it gets the password, and the registry only the token', async () => {
  const service = withTokens(`${other.url}/token?account=x`);
  const client = fronted({ tokenHosts: [other.host] });
  expect((await client.manifest(from, 'v1', { signal: signal() })).digest).toBe(digest);
  await client.manifest(from, digest, { signal: signal() });
  // No more than the right to pull, whatever the registry would have.
  expect(service.scopes).toEqual(['repository:shop/api:pull']);
  expect(other.calls.map(({ authorization }) => authorization)).toEqual([basic]);
  expect(other.calls[0]?.query.get('account')).toBe('x');
  expect(front.calls).toHaveLength(3);
  for (const { authorization } of front.calls) expect(authorization ?? 'Bearer').toMatch(/^Bearer/);
});

test('a token that is over is replaced; one that the registry no longer takes, too', async () => {
  const service = withTokens(`${other.url}/token`);
  service.expiresIn = 0;
  const client = fronted({ tokenHosts: [other.host] });
  for (const _ of [1, 2]) await client.manifest(from, 'v1', { signal: signal() });
  expect(service.scopes).toHaveLength(2);
  service.expiresIn = 300;
  await client.manifest(from, 'v1', { signal: signal() });
  const before = front.answer;
  let revoked = true;
  front.answer = (call, response) => {
    if (!revoked) return before(call, response);
    revoked = false;
    return before({ ...call, authorization: 'Bearer revoked' }, response);
  };
  expect((await client.manifest(from, 'v1', { signal: signal() })).digest).toBe(digest);
  expect(service.scopes).toHaveLength(4);
});

test('a token for nobody, where there are no credentials', async () => {
  withTokens(`${other.url}/token`);
  const client = clientOf({ url: front.url, tokenHosts: [other.host] });
  expect((await client.manifest(from, 'v1', { signal: signal() })).digest).toBe(digest);
  expect(other.calls.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test.each([
  ['a host that is not named', () => other.url, [], 'does not name'],
  ['another port of a host that is named', () => other.url, ['127.0.0.1', '127.0.0.1:1'], 'does not name'],
  ['a host that ends like a named one', () => 'http://xauth.example', ['auth.example'], 'does not name'],
  [
    'what looks like a named host',
    () => `http://auth.example@${other.host}`,
    ['auth.example'],
    'does not name',
  ],
  ['a named host without encryption', () => 'http://auth.example', ['auth.example'], 'without encryption'],
  ['a file', () => 'file:///etc/passwd', [], 'does not name'],
  ['credentials of its own', () => other.url.replace('//', '//a:b@'), ['OTHER'], 'credentials of its own'],
])('it sends for a token to %s: FB3807, and nobody is asked', async (_what, realm, names, words) => {
  withTokens(`${realm()}/token`);
  const tokenHosts = names.map((name) => (name === 'OTHER' ? other.host : name));
  const error = await failure(fronted({ tokenHosts }).manifest(from, 'v1', { signal: signal() }));
  expect(error).toMatchObject({ code: 'FB3807', class: 'elsewhere' });
  expect(error.message).toContain(words);
  expect(other.calls).toEqual([]);
  expect(front.calls).toHaveLength(1);
});

test.each([
  [404, {}, 'FB3806'],
  [401, {}, 'FB3806'],
  [400, {}, 'FB3806'],
  [302, { location: 'http://127.0.0.1:1/' }, 'FB3807'],
  [429, { 'retry-after': '600' }, 'FB3805'],
  [200, {}, 'FB3809'],
])('a token service that answers %i: %j: %s, never "not there"', async (status, headers, code) => {
  withTokens(`${other.url}/token`);
  other.answer = (_call, response) => (response.writeHead(status, headers).end('{"token":"a b"}'), true);
  const client = fronted({ tokenHosts: [other.host] });
  expect((await failure(client.manifest(from, 'v1', { signal: signal() }))).code).toBe(code);
  expect(front.calls).toHaveLength(1);
});

test('a kind of credentials that is not known: FB3806', async () => {
  front.answer = (_call, response) => (
    response.writeHead(401, { 'www-authenticate': 'Negotiate' }).end(),
    true
  );
  expect((await failure(fronted().manifest(from, 'v1', { signal: signal() }))).code).toBe('FB3806');
  expect(front.calls.map(({ authorization }) => authorization)).toEqual([undefined]);
});

const redirect = (path: RegExp, location: () => string) => {
  front.answer = (call, response) =>
    call.authorization !== undefined &&
    path.test(call.path) &&
    (response.writeHead(307, { location: location() }).end(), true);
};

test('what is named by digest may come from another host, which gets no credentials', async () => {
  const bytes = randomBytes(100);
  redirect(/blobs/, () => `${other.url}/store/object?signature=presigned-secret`);
  other.answer = ({ query }, response) => (response.end(query.get('signature') === null ? '' : bytes), true);
  const client = fronted();
  expect(Buffer.from(await client.blob(from, sha256(bytes), { signal: signal() }))).toEqual(bytes);
  expect(other.calls.map(({ authorization }) => authorization)).toEqual([undefined]);
  // Also when that host asks for them.
  other.answer = (_call, response) => (
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    true
  );
  const error = await failure(client.blob(from, sha256(bytes), { signal: signal() }));
  expect(error.code).toBe('FB3806');
  expect(error.message).not.toContain('presigned');
  expect(other.calls.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
});

test('credentials are not given back to a call that was elsewhere', async () => {
  redirect(/manifests\/sha256/, () => `${other.url}/x`);
  other.answer = (_call, response) => (
    response.writeHead(302, { location: `${front.url}/v2/shop/api/back` }).end(),
    true
  );
  front.authorization = undefined;
  await failure(fronted().manifest(from, digest, { signal: signal() }));
  expect(front.calls.filter(({ path }) => path.endsWith('/back')).at(0)?.authorization).toBeUndefined();
});

test('a redirect within the registry keeps the credentials', async () => {
  redirect(/manifests\/old/, () => '/v2/shop/api/manifests/v1');
  expect((await fronted().manifest(from, 'old', { signal: signal() })).digest).toBe(digest);
});

test.each([
  ['a tag to another host', 'v1', () => `${other.url}/x`, 'only what is named by its digest'],
  ['to an address in the network', 'digest', () => 'http://169.254.169.254/latest', 'an address'],
  ['to an address in another form', 'digest', () => 'http://0xa9fea9fe/latest', 'an address'],
  ['to an address of IPv6', 'digest', () => `http://[::1]:${other.port}/x`, 'an address'],
  ['with credentials of its own', 'digest', () => other.url.replace('//', '//a:b@'), 'credentials'],
  ['to a file', 'digest', () => 'file:///etc/passwd', 'without encryption'],
  ['in a circle', 'digest', () => `/v2/shop/api/manifests/${digest}`, 'more than 5 times'],
])('a redirect of %s is not followed: FB3807', async (_what, reference, location, words) => {
  redirect(/manifests/, location);
  const error = await failure(
    fronted().manifest(from, reference === 'digest' ? digest : reference, { signal: signal() }),
  );
  expect(error.code).toBe('FB3807');
  expect(error.message).toContain(words);
  expect(other.calls).toEqual([]);
});

test('mirrors answer for digests; what they say of tags is not asked; they get their own credentials only', async () => {
  const failures: string[] = [];
  const mirror: Front = await startFront(registry.url);
  try {
    const mirrorBasic = `Basic ${Buffer.from('mirror:mirror-password').toString('base64')}`;
    mirror.answer = (call, response) => {
      if (call.authorization === mirrorBasic) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="m"' }).end();
      return true;
    };
    mirror.authorization = basic;
    const mirrors = [
      { url: 'http://127.0.0.1:9' },
      { url: other.url },
      {
        url: mirror.url,
        credentials: () => Promise.resolve({ username: 'mirror', password: new Secret('mirror-password') }),
      },
    ];
    other.answer = (_call, response) => (
      response.writeHead(200, { 'content-type': OCI_IMAGE }).end('{}'),
      true
    );
    const client = clientOf(
      { url: front.url, credentials, mirrors },
      { onMirrorFailure: (error) => failures.push(`${error.code} ${error.message}`) },
    );
    expect((await client.manifest(from, digest, { signal: signal() })).digest).toBe(digest);
    expect(front.calls).toEqual([]);
    expect(failures.map((text) => text.slice(0, 6))).toEqual(['FB3805', 'FB3804']);
    expect(failures[1]).toContain(`registry registry.example (mirror ${other.host})`);
    expect(mirror.calls.map(({ authorization }) => authorization)).toEqual([undefined, mirrorBasic]);
    expect((await client.manifest(from, 'v1', { signal: signal() })).digest).toBe(digest);
    await client.referrers(from, digest, { signal: signal() });
    await client.tags(from, { signal: signal() });
    expect([mirror.calls.length, other.calls.length]).toEqual([2, 1]);
    // When all mirrors fail, the registry itself is asked.
    mirror.answer = (_call, response) => (response.writeHead(503).end(), true);
    front.calls.length = 0;
    expect((await client.manifest(from, digest, { signal: signal() })).digest).toBe(digest);
    expect(front.calls).toHaveLength(1);
  } finally {
    await mirror.stop();
  }
});

test('a mirror that serves the right bytes as something else is passed over', async () => {
  const { bytes } = await direct().manifest(from, digest, { signal: signal() });
  other.answer = (_call, response) => (
    response.writeHead(200, { 'content-type': OCI_INDEX }).end(bytes),
    true
  );
  const failures: string[] = [];
  const client = clientOf(
    { url: registry.url, credentials, mirrors: [{ url: other.url }] },
    { onMirrorFailure: ({ code }) => failures.push(code) },
  );
  expect((await client.manifest(from, digest, { signal: signal() })).content.kind).toBe('image');
  expect(failures).toEqual(['FB3809']);
});

test('a path of the address is put before repositories, in the scope of a token, too', async () => {
  const service = withTokens(`${other.url}/token`);
  front.answer = ((before) => (call, response) =>
    call.path.startsWith('/v2/proxy/') ? before(call, response) : (response.writeHead(418).end(), true))(
    front.answer,
  );
  const client = clientOf({ url: `${front.url}/proxy/`, credentials, tokenHosts: [other.host] });
  expect((await failure(client.manifest(from, 'v1', { signal: signal() }))).code).toBe('FB3803');
  expect(front.calls.at(-1)?.path).toBe('/v2/proxy/shop/api/manifests/v1');
  expect(service.scopes).toEqual(['repository:proxy/shop/api:pull']);
});

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

async function referrer(
  subject: Digest,
): Promise<{ mediaType: string; digest: Digest; size: number; artifactType: string }> {
  const config = await push.blob('{}', OCI_EMPTY);
  const layer = await push.blob(`{"bundle":"${randomBytes(6).toString('hex')}"}`, BUNDLE);
  const manifest = { schemaVersion: 2, mediaType: OCI_IMAGE, artifactType: BUNDLE, config, layers: [layer] };
  const pushed = await push.manifest({
    ...manifest,
    subject: { mediaType: OCI_IMAGE, digest: subject, size: 1 },
  });
  return { ...pushed, artifactType: BUNDLE };
}

test('a registry without the referrers API: the fallback tag; without that, there are none', async () => {
  const subject = (await registry.push('puller', password, from.repository, 'signed')) as Digest;
  const client = direct();
  expect(await client.referrers(from, subject, { signal: signal() })).toEqual({
    descriptors: [],
    via: 'tag',
    truncated: false,
  });
  const one = await referrer(subject);
  await push.manifest(
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [one] },
    subject.replace(':', '-'),
  );
  expect(await client.referrers(from, subject, { signal: signal() })).toEqual({
    descriptors: [one],
    via: 'tag',
    truncated: false,
  });
});

test('the referrers API with pages; a next page elsewhere is refused', async () => {
  const [one, two] = [await referrer(digest), await referrer(digest)];
  let next = '?page=2';
  front.answer = ({ path, query }, response) => {
    if (!path.endsWith(`/referrers/${digest}`)) return false;
    const last = query.get('page') === '2';
    const headers = { 'content-type': OCI_INDEX, ...(last ? {} : { link: `<${next}>; rel="next"` }) };
    const manifests = [last ? two : one];
    response
      .writeHead(200, headers)
      .end(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
    return true;
  };
  const client = fronted();
  expect(await client.referrers(from, digest, { signal: signal() })).toEqual({
    descriptors: [one, two],
    via: 'api',
    truncated: false,
  });
  next = '?page=1';
  const endless = await client.referrers(from, digest, { signal: signal() });
  expect(endless).toMatchObject({ via: 'api', truncated: true });
  expect(endless.descriptors).toHaveLength(20);
  next = `${other.url}/x`;
  expect((await failure(client.referrers(from, digest, { signal: signal() }))).code).toBe('FB3807');
  expect(other.calls).toEqual([]);
});

test.each([
  [404, 'text/plain', 'tag'],
  [405, 'text/plain', 'tag'],
  [200, 'text/html', 'tag'],
])('a registry that answers %i %s for referrers has none of that API', async (status, type, via) => {
  front.answer = ({ path }, response) =>
    path.includes('/referrers/') && (response.writeHead(status, { 'content-type': type }).end('no'), true);
  expect(await fronted().referrers(from, digest, { signal: signal() })).toMatchObject({ via });
});

test.each([
  [403, 'FB3806'],
  [500, 'FB3805'],
  [418, 'FB3809'],
])(
  'a registry that answers %i for referrers does not look as if there were none: %s',
  async (status, code) => {
    front.answer = ({ path }, response) =>
      path.includes('/referrers/') && (response.writeHead(status).end(), true);
    expect((await failure(fronted().referrers(from, digest, { signal: signal() }))).code).toBe(code);
  },
);

test('tags come in pages of a real registry', async () => {
  const many = pusher(registry.url, 'shop/many', { authorization: basic });
  const config = await many.blob('{}', 'application/vnd.oci.image.config.v1+json');
  const image = { schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: [] };
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) await many.manifest(image, name);
  // A registry may give fewer than were asked for.
  front.answer = (call) => (call.query.set('n', '2'), false);
  const asWanted = fronted();
  expect(await asWanted.tags({ ...from, repository: 'shop/many' }, { signal: signal() })).toEqual(names);
  const link = `<${other.url}/v2/x>; rel="next"`;
  front.answer = ({ authorization }, response) =>
    authorization !== undefined && (response.writeHead(200, { link }).end('{"tags":["a"]}'), true);
  expect((await failure(asWanted.tags(from, { signal: signal() }))).code).toBe('FB3807');
  front.answer = ({ authorization }, response) =>
    authorization !== undefined && (response.end('{"tags":["../x"]}'), true);
  expect((await failure(asWanted.tags(from, { signal: signal() }))).code).toBe('FB3809');
});
