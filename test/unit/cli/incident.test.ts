import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { verifySigned } from '../../../domain/signature.ts';
import { Refused } from '../../../gateway/temporal-port.ts';
import { asking, askingIncident, gate, open, view } from '../../support/asking-incident.ts';
import { active, firebreak, firebreakOnTerminal, type Ran } from '../../support/cli.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

const asked = askingIncident();
let gateway: TestGateway;
let url: string;
let dir: string;

beforeAll(async () => {
  gateway = await startTestGateway({ incidents: asked.incidents });
  url = await gateway.listen({ host: '127.0.0.1', port: 0 });
  dir = await mkdtemp(join(tmpdir(), 'firebreak-cli-'));
});
afterAll(async () => {
  await gateway.close();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  asked.shown = view();
  asked.fake.reject = undefined;
  asked.fake.down = false;
  asked.fake.decisions.length = 0;
  asked.commands.length = 0;
});

function as(token: string, ...args: string[]): Promise<Ran> {
  return firebreak(['--url', url, ...args], { env: { FIREBREAK_TOKEN: token } });
}

const [only] = open(gate());
const digest = only?.digest ?? '';

test('show has everything a person needs on 80 columns, and nothing that acts on the terminal', async () => {
  const { code, stdout, stderr } = await as(gateway.tokens.read, 'incident', 'show', asking);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const part of [
    'AWAITING-APPROVAL',
    'DECISION NEEDED',
    'remove every NetworkPolicy',
    'uid uid-of-shop',
    'policies 200',
    'cuts it off',
    'it goes on talking',
    'delete networkpolicies/allow-web',
    'and 2 more changes',
    'puts it back',
    '1 of responders; not falco',
    digest,
    'HELD',
    'Holds until 2030-01-01',
    'verified       exec is refused in namespace shop',
    'evaluated      nothing is allowed in or out',
    'pods on the host network (pods/edge-1 and 3 more)',
    `firebreak incident approve ${asking} quarantine`,
  ])
    expect(stdout).toContain(part);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(85);
  expect(stdout).not.toMatch(active);
  expect(stdout).toContain('⟨U+001B⟩');
  expect(stdout).not.toMatch(/^APPROVED/m);
});

test('one alert is one, and a step that only reads is not said to have made no changes', async () => {
  const [held] = asked.shown.steps;
  if (held?.applied === undefined) throw new Error('the step has applied nothing');
  const applied = (changes: number, already: number) =>
    ({ ...held.applied, changes, already }) as typeof held.applied;
  asked.shown = view({
    alerts: 1,
    steps: [
      { ...held, id: 'read', applied: applied(0, 0) },
      { ...held, id: 'one', applied: applied(1, 0) },
      { ...held, id: 'again', applied: applied(0, 4) },
    ],
  });
  const { stdout } = await as(gateway.tokens.read, 'incident', 'show', asking);
  expect(stdout).toContain('\n1 alert; ledger 12 entries');
  expect(stdout.match(/\d+ changes? made, .*/g)).toEqual([
    '1 change made, 0 found done',
    '0 changes made, 4 found done',
  ]);
});

test('JSON is the view as it is, and inert as well', async () => {
  const { stdout } = await as(gateway.tokens.read, 'incident', 'show', asking, '--json');
  expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(asked.shown)));
  expect(stdout).not.toMatch(active);
});

test('list shows one line an incident', async () => {
  const { code, stdout } = await as(gateway.tokens.read, 'incident', 'list');
  expect(code).toBe(0);
  expect(stdout.trim().split('\n')).toHaveLength(2);
  expect(stdout).toMatch(/inc-0123456789abcdef-abc234 {2}awaiting-approval {2}high/);
  expect(stdout).not.toMatch(active);
});

test('without a terminal an approval needs --yes; nothing is sent before', async () => {
  const { code, stdout, stderr } = await as(gateway.tokens.ana, 'incident', 'approve', asking);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('FB6107');
  expect(asked.fake.decisions).toEqual([]);
});

test.each([
  ['yes\r', 0, 1],
  ['y\r', 1, 0],
  ['\r', 1, 0],
  ['\u0003', 1, 0],
  ['\u0004', 1, 0],
])('on a terminal the gate is shown and the word yes is wanted: %j', async (typed, exit, sent) => {
  const { code, shown } = await firebreakOnTerminal(
    ['--url', url, 'incident', 'approve', asking],
    { FIREBREAK_TOKEN: gateway.tokens.ana },
    'Type yes',
    typed,
  );
  expect(shown.indexOf('remove every NetworkPolicy')).toBeGreaterThan(-1);
  expect(shown.indexOf('remove every NetworkPolicy')).toBeLessThan(shown.indexOf('Type yes'));
  expect(shown).not.toContain('\u001b[2J');
  expect(code).toBe(exit);
  expect(asked.fake.decisions).toHaveLength(sent);
});

test('an approval sends the digest of what was shown, signed by the gateway for its person', async () => {
  const { code, stdout, stderr } = await as(
    gateway.tokens.ana,
    'incident',
    'approve',
    asking,
    '--yes',
    '--json',
  );
  expect(code).toBe(0);
  expect(stderr).toContain(digest);
  expect(stderr).toContain('pods on the host network');
  expect(stderr).not.toMatch(active);
  expect(JSON.parse(stdout)).toMatchObject({
    status: 'taken',
    gate: 'quarantine',
    digest,
    verdict: 'approve',
  });
  const [decision] = asked.fake.decisions;
  expect(decision?.signed.payload).toMatchObject({
    incident: asking,
    gate: 'quarantine',
    digest,
    verdict: 'approve',
    person: 'ana',
    via: 'api',
  });
  const keys = [gateway.state.gatewaySigner.publicKey];
  expect(decision !== undefined && verifySigned(decision.signed, 'firebreak/decision/v1', keys)).toBe(true);
});

test('a gateway that shows one thing and binds another is not obeyed', async () => {
  const [shown] = open(gate());
  if (shown === undefined) throw new Error('no gate');
  asked.shown = view({
    gates: [{ ...shown, gate: { ...shown.gate, authorities: [] } }],
  });
  const lied = await as(gateway.tokens.ana, 'incident', 'approve', asking, '--yes');
  expect(lied.code).toBe(3);
  expect(lied.stderr).toContain('FB6109');
  expect(asked.fake.decisions).toEqual([]);
});

test('--digest holds an approval to what was read before', async () => {
  const old = `sha256:${'0'.repeat(64)}`;
  const stale = await as(gateway.tokens.ana, 'incident', 'approve', asking, '--yes', '--digest', old);
  expect(stale.code).toBe(3);
  expect(stale.stderr).toContain('FB6110');
  expect(asked.fake.decisions).toEqual([]);
  const same = await as(gateway.tokens.ana, 'incident', 'approve', asking, '--yes', '--digest', digest);
  expect(same.code).toBe(0);
});

test('of several questions one must be named; of none, none is answered', async () => {
  asked.shown = view({ gates: open(gate('quarantine'), gate('release', 'release')) });
  const vague = await as(gateway.tokens.ana, 'incident', 'approve', asking, '--yes');
  expect(vague.code).toBe(2);
  expect(vague.stderr).toContain('quarantine, release');
  const wrong = await as(gateway.tokens.ana, 'incident', 'approve', asking, 'relaese', '--yes');
  expect(wrong.code).toBe(3);
  const named = await as(gateway.tokens.ana, 'incident', 'approve', asking, 'release', '--yes');
  expect(named.code).toBe(0);
  expect(asked.fake.decisions.map(({ signed }) => signed.payload.gate)).toEqual(['release']);
  asked.shown = view({ gates: [] });
  const none = await as(gateway.tokens.ana, 'incident', 'approve', asking, '--yes');
  expect(none.code).toBe(3);
  expect(none.stderr).toContain('FB6108');
});

test('a denial needs a reason, and carries it', async () => {
  const without = await as(gateway.tokens.ana, 'incident', 'deny', asking);
  expect(without.code).toBe(2);
  const { code } = await as(gateway.tokens.ana, 'incident', 'deny', asking, '--reason', 'A drill');
  expect(code).toBe(0);
  expect(asked.fake.decisions[0]?.signed.payload).toMatchObject({
    verdict: 'deny',
    reason: 'A drill',
    digest,
  });
});

test.each(['release', 'takeover', 'handback'])('%s is sent with its reason', async (command) => {
  const { code } = await as(gateway.tokens.ana, 'incident', command, asking, '--reason', 'Rebuilt');
  expect(code).toBe(0);
  expect(asked.commands[0]?.payload).toMatchObject({ command, person: 'ana', reason: 'Rebuilt', via: 'api' });
});

test('a playbook is opened by hand with typed inputs', async () => {
  const args = [
    'playbook',
    'run',
    'FB-001',
    '-i',
    'cluster=prod',
    '-i',
    'namespace=shop',
    '--reason',
    'Odd traffic',
  ];
  const { code, stdout } = await as(gateway.tokens.ana, ...args, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'opened' });
  expect(asked.fake.all()[0]?.input).toMatchObject({
    mode: 'approve',
    requester: 'ana',
    inputs: { cluster: 'prod', namespace: 'shop' },
    alert: null,
  });
  const wrong = await as(
    gateway.tokens.ana,
    'playbook',
    'run',
    'FB-001',
    '-i',
    'cluster:=1',
    '--reason',
    'x',
  );
  expect(wrong.code).toBe(3);
  expect(wrong.stderr).toContain('FB1210');
  expect(wrong.stderr).toContain('-i name:=json');
});

test('what the gateway refuses is said in its words, and ends with 3', async () => {
  asked.fake.reject = new Refused('ana is in none of the groups that may decide', 'FB4008');
  const refused = await as(gateway.tokens.ana, 'incident', 'approve', asking, '--yes');
  expect(refused).toMatchObject({ code: 3, stdout: '' });
  expect(refused.stderr).toContain('FB4008');
  const scope = await as(gateway.tokens.read, 'incident', 'release', asking, '--reason', 'x');
  expect(scope.code).toBe(3);
  expect(scope.stderr).toContain('FB1102');
  const unknown = await as('fbt_0123456789abcdef_'.padEnd(64, 'x'), 'incident', 'list');
  expect(unknown.code).toBe(3);
  expect(unknown.stderr).toContain('FB1101');
});

test('what cannot be reached ends with 4: no gateway, no Temporal, no gateway of ours', async () => {
  const dead = await firebreak(['incident', 'list', '--url', 'http://127.0.0.1:1'], {
    env: { FIREBREAK_TOKEN: 'x' },
  });
  expect(dead.code).toBe(4);
  expect(dead.stderr).toContain('FB6105');
  asked.fake.down = true;
  const down = await as(gateway.tokens.ana, 'incident', 'approve', asking, '--yes');
  expect(down.code).toBe(4);
  expect(down.stderr).toContain('FB1401');
  const seen: (string | undefined)[] = [];
  const other = await serve((path, authorization, answer) => {
    seen.push(authorization);
    if (path.startsWith('/there')) answer.end('{}');
    else answer.writeHead(302, { location: `http://${answer.req.headers.host ?? ''}/there` }).end('moved');
  });
  const moved = await firebreak(['incident', 'list', '--url', other.url], { env: { FIREBREAK_TOKEN: 'x' } });
  other.server.close();
  expect(moved.code).toBe(4);
  expect(moved.stderr).toContain('FB6106');
  // The token went to where it was sent, and was carried no further.
  expect(seen).toEqual(['Bearer x']);
});

test('a token is taken from a private file, and sent nowhere in the clear', async () => {
  const file = join(dir, 'token');
  await writeFile(file, `${gateway.tokens.read}\n`, { mode: 0o600 });
  const args = ['incident', 'list', '--url', url, '--token-file', file];
  expect((await firebreak(args)).code).toBe(0);
  // As a mounted secret is: a link to a private file.
  await symlink(file, `${file}-link`);
  expect((await firebreak(['incident', 'list', '--url', url, '--token-file', `${file}-link`])).code).toBe(0);
  await chmod(file, 0o644);
  const open = await firebreak(args);
  expect(open.code).toBe(2);
  expect(open.stderr).toContain('chmod 600');
  const clear = await firebreak(['incident', 'list', '--url', 'http://gateway.example'], {
    env: { FIREBREAK_TOKEN: 'x' },
  });
  expect(clear.code).toBe(2);
  expect(clear.stderr).toContain('FB6103');
  const none = await firebreak(['incident', 'list', '--url', url]);
  expect(none.code).toBe(2);
  expect(none.stderr).toContain('FB6102');
  for (const { stderr } of [open, clear, none]) expect(stderr).not.toContain(gateway.tokens.read);
});

async function serve(
  handle: (
    path: string,
    authorization: string | undefined,
    answer: Parameters<Parameters<typeof createServer>[1] & object>[1],
  ) => void,
): Promise<{ server: Server; url: string }> {
  const server = createServer((request, answer) =>
    handle(request.url ?? '', request.headers.authorization, answer),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, url: `http://127.0.0.1:${address.port}` };
}
