import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { IAMClient } from '@aws-sdk/client-iam';
import { findInTrail } from '../../../activities/credentials/find-use/trail.ts';
import { outputsOf, recordOf } from '../../../activities/credentials/find-use/summary.ts';
import { Uses } from '../../../activities/credentials/find-use/use.ts';
import { createAccount, type Account } from '../../../activities/aws/accounts.ts';

/** What CloudTrail answers to, by access key id, and IAM's time of last use: what the testbed's account has no services for. */
let events: { [accessKeyId: string]: { EventId: string; EventTime: number; CloudTrailEvent?: string }[] };
let lastUse: { at: string; service: string; region: string } | undefined;
let server: Server;
let account: Account;

const key = 'AKIAIOSFODNN7EXAMPLE';
const now = new Date('2026-01-02T00:00:00Z');
const window = { since: new Date('2026-01-01T00:00:00Z'), until: new Date('2026-01-01T12:00:00Z') };
const at = (hour: number) => Date.UTC(2026, 0, 1, hour) / 1000;
const digest = `sha256:${'a'.repeat(64)}`;

beforeEach(async () => {
  events = {};
  lastUse = undefined;
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const region = 'us-east-1';
  const made = createAccount({
    name: 'production',
    id: '111122223333',
    environment: 'production',
    region,
    breakGlass: [],
    endpoint,
  });
  const options = { endpoint, region, credentials: { accessKeyId: 'x', secretAccessKey: 'y' } };
  const cloudTrail = new CloudTrailClient(options);
  const clients = { cloudTrail, cloudTrailGlobal: cloudTrail, iam: new IAMClient(options) };
  account = { ...made, clients: () => ({ ...made.clients('none'), ...clients }) };
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  if (request.headers['x-amz-target'] === undefined) {
    const { at: date = '', service = 'N/A', region = 'N/A' } = lastUse ?? {};
    const used = date === '' ? '' : `<LastUsedDate>${date}</LastUsedDate>`;
    const result = `<AccessKeyLastUsed>${used}<ServiceName>${service}</ServiceName><Region>${region}</Region></AccessKeyLastUsed>`;
    response.end(
      `<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult>${result}</GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>`,
    );
    return;
  }
  const { LookupAttributes }: { LookupAttributes: { AttributeValue: string }[] } = JSON.parse(body);
  response.setHeader('content-type', 'application/x-amz-json-1.1');
  response.end(JSON.stringify({ Events: events[LookupAttributes[0]?.AttributeValue ?? ''] ?? [] }));
}

function event(EventId: string, hour: number, detail: object | string, EventName = 'PutImage') {
  const CloudTrailEvent = typeof detail === 'string' ? detail : JSON.stringify(detail);
  return { EventId, EventName, EventSource: 'ecr.amazonaws.com', EventTime: at(hour), CloudTrailEvent };
}
const arn = 'arn:aws:iam::111122223333:user/ci';
/** As CloudTrail has ECR's PutImage, shortened. */
const putImage = (tag: string, imageDigest: string) => ({
  eventSource: 'ecr.amazonaws.com',
  userIdentity: { type: 'IAMUser', arn },
  sourceIPAddress: '198.51.100.7',
  userAgent: 'docker/28.0',
  requestParameters: { registryId: '111122223333', repositoryName: 'shop', imageTag: tag },
  responseElements: {
    image: { repositoryName: 'shop', registryId: '111122223333', imageId: { imageDigest, imageTag: tag } },
  },
});

async function find(wanted = key) {
  const uses = new Uses();
  const place = { account, incident: 'inc-1', signal: AbortSignal.timeout(20_000) };
  await findInTrail(place, wanted, window, { now, uses, progress: () => Promise.resolve() });
  const { unavailable, left } = uses;
  return outputsOf(recordOf('x', window, { uses: uses.list(), left, unavailable }), '');
}

test('images that ECR took in, and the tags that were set; refused ones are none', async () => {
  events[key] = [
    event('1', 1, putImage('v1', digest)),
    event('2', 2, putImage('v2', digest)),
    event('3', 3, {
      ...putImage('v3', `sha256:${'b'.repeat(64)}`),
      errorCode: 'ImageAlreadyExistsException',
    }),
    event('4', 4, putImage('v4', `sha256:${'c'.repeat(64)}`), 'BatchGetImage'),
  ];
  expect(await find()).toMatchObject({
    events: 4,
    digests: [digest],
    tags: [
      { repository: 'shop', tag: 'v2', digest, at: '2026-01-01T02:00:00.000Z' },
      { repository: 'shop', tag: 'v1', digest, at: '2026-01-01T01:00:00.000Z' },
    ],
    principals: [arn],
    addresses: ['198.51.100.7'],
    complete: true,
  });
});

const assume = (id: string) => ({ responseElements: { credentials: { accessKeyId: id } } });
test('images that a session of the key pushed are its images too, however long the chain', async () => {
  events[key] = [event('1', 1, assume('ASIAONE'), 'AssumeRole')];
  events['ASIAONE'] = [
    event('2', 2, assume('ASIATWO'), 'AssumeRole'),
    event('3', 2, assume('ASIAONE'), 'AssumeRole'),
  ];
  events['ASIATWO'] = [event('4', 3, putImage('v1', digest))];
  expect(await find()).toMatchObject({ events: 4, digests: [digest], complete: true });
});

test('a chain without an end ends, and that is told', async () => {
  for (let link = 0; link < 40; link++) {
    const next = { responseElements: { credentials: { accessKeyId: `ASIA${link + 1}` } } };
    events[link === 0 ? key : `ASIA${link}`] = [event(`e${link}`, 1, next, 'AssumeRole')];
  }
  expect(await find()).toMatchObject({
    events: 20,
    complete: false,
    unavailable: [{ why: expect.stringContaining('more than 20 credentials') }],
  });
});

test('documents that are truncated, odd or huge hide no other event', async () => {
  events[key] = [
    event('cut', 1, JSON.stringify(putImage('v1', digest)).slice(0, 200)),
    event('list', 2, '[]'),
    event('odd', 3, { userIdentity: 7, responseElements: [], requestParameters: { userName: {} } }),
    event('huge', 4, { ...putImage('v1', digest), userAgent: '\u202e\n'.repeat(100_000) }),
  ];
  const outputs = await find();
  expect(outputs).toMatchObject({ events: 4, digests: [digest], complete: false });
  expect(outputs['unavailable']).toEqual([
    { what: 'CloudTrail of account production', why: 'what event cut was cannot be read' },
    { what: 'CloudTrail of account production', why: 'what event list was cannot be read' },
  ]);
});

test('a last use that the history does not show is told: of data, of another region, or too new', async () => {
  events[key] = [event('1', 1, putImage('v1', digest))];
  lastUse = { at: '2026-01-01T01:00:30Z', service: 'ecr', region: 'us-east-1' };
  expect(await find()).toMatchObject({ complete: true });
  lastUse = { at: '2026-01-01T09:00:00Z', service: 's3', region: 'ap-south-1' };
  expect(await find()).toMatchObject({
    complete: false,
    unavailable: [{ why: expect.stringContaining('2026-01-01T09:00:00.000Z, of s3 in ap-south-1') }],
  });
  // After the window: not asked for.
  lastUse = { at: '2026-01-01T18:00:00Z', service: 's3', region: 'ap-south-1' };
  expect(await find()).toMatchObject({ complete: true });
});
