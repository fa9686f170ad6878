import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { MockAgent } from 'undici';
import { createEndpoint, type Endpoint } from '../../../activities/images/registry/endpoint.ts';
import { checkRegistry, type EndpointConfig } from '../../../activities/images/registry/options.ts';
import { Secret } from '../../../domain/secret.ts';

// What needs https, and hosts of other names, than a registry on this machine has.
const host = 'docker.io';
const url = 'https://registry-1.docker.io';
const credentials = () => Promise.resolve({ username: 'ana', password: new Secret('pw') });
const basic = `Basic ${Buffer.from('ana:pw').toString('base64')}`;

let agent: MockAgent;
const sent: { to: string; authorization: string | undefined }[] = [];

beforeEach(() => {
  agent = new MockAgent();
  agent.disableNetConnect();
  sent.length = 0;
});
afterEach(() => agent.close());

function endpoint(config: Partial<EndpointConfig> = {}): Endpoint {
  const { own } = checkRegistry({ host, url, credentials, ...config });
  return createEndpoint(agent, own, { registry: host, timeoutMs: 1_000 });
}

/** Every call to this origin is noted, and answered so. */
function answers(
  origin: string,
  reply: (call: { path: string; authorization: string | undefined }) => {
    status: number;
    body?: string;
    headers?: Record<string, string>;
  },
): void {
  agent
    .get(origin)
    .intercept({ path: () => true })
    .reply((call) => {
      const authorization: unknown = Reflect.get(call.headers ?? {}, 'authorization');
      const text = typeof authorization === 'string' ? authorization : undefined;
      sent.push({ to: origin, authorization: text });
      const { status, body = '', headers = {} } = reply({ path: call.path, authorization: text });
      return { statusCode: status, data: body, responseOptions: { headers } };
    })
    .persist();
}

const get = (from: Endpoint, proven = true) =>
  from.get(
    {
      operation: 'read it',
      repository: 'library/redis',
      url: from.urlOf('library/redis', 'blobs/x'),
      accept: '*/*',
      maxBytes: 1_000,
      proven,
      signal: AbortSignal.timeout(5_000),
    },
    1,
  );
const challenge = (realm: string) => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer realm="${realm}",service="registry.docker.io"` },
});

test('Docker Hub: the password goes to the host of tokens that is named, and the token to the registry', async () => {
  answers(url, ({ authorization }) =>
    authorization === 'Bearer t0ken'
      ? { status: 200, body: 'content' }
      : challenge('https://auth.docker.io/token'),
  );
  answers('https://auth.docker.io', ({ path }) => {
    expect(path).toBe('/token?service=registry.docker.io&scope=repository%3Alibrary%2Fredis%3Apull');
    return { status: 200, body: '{"token":"t0ken","access_token":"other"}' };
  });
  const answer = await get(endpoint({ tokenHosts: ['auth.docker.io'] }));
  expect(Buffer.from(answer.body).toString()).toBe('content');
  expect(sent).toEqual([
    { to: url, authorization: undefined },
    { to: 'https://auth.docker.io', authorization: basic },
    { to: url, authorization: 'Bearer t0ken' },
  ]);
});

test.each([
  ['https://auth.docker.io/token', undefined, 'does not name'],
  ['http://auth.docker.io/token', ['auth.docker.io'], 'without encryption'],
  ['http://registry-1.docker.io/token', undefined, 'without encryption'],
  ['http://127.0.0.1:9/token', ['127.0.0.1:9'], 'without encryption'],
  ['https://registry-1.docker.io:444/token', undefined, 'does not name'],
  ['https://registry-1.docker.io.evil.example/token', undefined, 'does not name'],
  ['https://AUTH.docker.io@evil.example/token', ['auth.docker.io'], 'does not name'],
])(
  'a registry of https that sends for tokens to %s, where %j are named',
  async (realm, tokenHosts, words) => {
    answers(url, () => challenge(realm));
    const reading = get(endpoint(tokenHosts === undefined ? {} : { tokenHosts }));
    await expect(reading).rejects.toMatchObject({ code: 'FB3807', message: expect.stringContaining(words) });
    expect(sent).toEqual([{ to: url, authorization: undefined }]);
  },
);

test('a host is named in any case, and with the port that https has', async () => {
  answers(url, ({ authorization }) =>
    authorization === 'Bearer t' ? { status: 200 } : challenge('https://auth.docker.io/token'),
  );
  answers('https://auth.docker.io', () => ({ status: 200, body: '{"token":"t"}' }));
  for (const name of ['AUTH.docker.io', 'auth.docker.io:443'])
    expect((await get(endpoint({ tokenHosts: [name] }))).status).toBe(200);
});

const cdn = 'https://cdn.example';

test('a store of another host gets no token, and what it asks for is not given', async () => {
  answers(url, ({ authorization }) =>
    authorization === basic
      ? { status: 307, headers: { location: `${cdn}/object?signature=presigned` } }
      : { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
  );
  let status = 200;
  answers(cdn, () => ({ status, body: 'content', headers: { 'www-authenticate': 'Basic realm="x"' } }));
  const from = endpoint();
  expect(Buffer.from((await get(from)).body).toString()).toBe('content');
  status = 401;
  sent.length = 0;
  await expect(get(from)).rejects.toMatchObject({
    code: 'FB3806',
    message: expect.not.stringContaining('presigned'),
  });
  expect(sent).toEqual([
    { to: url, authorization: basic },
    { to: cdn, authorization: undefined },
  ]);
  sent.length = 0;
  await expect(get(from, false)).rejects.toMatchObject({ code: 'FB3807' });
  expect(sent).toEqual([{ to: url, authorization: basic }]);
});

test.each([
  'http://cdn.example/object',
  'http://registry-1.docker.io/v2/x',
  'https://10.0.0.1/x',
  'https://0x7f.1/x',
])('a registry of https that redirects to %s is not followed', async (location) => {
  answers(url, () => ({ status: 307, headers: { location } }));
  await expect(get(endpoint())).rejects.toMatchObject({ code: 'FB3807' });
  expect(sent).toHaveLength(1);
});

test('a short password that is quoted back is in no message', async () => {
  answers(url, ({ authorization }) =>
    authorization === undefined
      ? { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
      : { status: 403, body: JSON.stringify({ errors: [{ code: 'DENIED', message: 'no: ana/pw' }] }) },
  );
  await expect(get(endpoint())).rejects.toMatchObject({
    message: expect.stringMatching(/DENIED no: ana\/\[secret\]$/),
  });
});
