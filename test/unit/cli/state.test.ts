import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openState } from '../../../stores/index.ts';
import { configuration, createHouse, firebreak, type Ran } from '../../support/cli.ts';

let house: Awaited<ReturnType<typeof createHouse>>;
beforeEach(async () => void (house = await createHouse()));
afterEach(() => house.remove());

const run = (...args: string[]): Promise<Ran> => firebreak(args, { cwd: house.dir });
const file = (name: string) => join(house.dir, name);

function state() {
  return openState(file('state'), { maxTotalBytes: 1e9, maxArtefactBytes: 1e6, maxRefusalsPerMinute: 10 });
}

test('a token is created, shown once, honoured, listed without its secret, and revoked', async () => {
  const created = await run(
    'token',
    'create',
    '--owner',
    'ada',
    '--scope',
    'read',
    'decide',
    '--label',
    'laptop\u001b[2J',
  );
  expect(created.code).toBe(0);
  expect(created.stdout).toMatch(/^fbt_[0-9a-f]{16}_[\w-]{43}\n$/);
  const secret = created.stdout.trim();
  expect(created.stderr).not.toContain(secret);
  const { tokens } = await state();
  expect(await tokens.verify(secret)).toMatchObject({ owner: 'ada', scopes: ['read', 'decide'] });
  const id = secret.slice(4, 20);

  const listed = await run('token', 'list');
  expect(listed.stdout).toMatch(new RegExp(`${id} {2}ada {4}read,decide {2}- {8}- {9}valid`));
  const json = await run('token', 'list', '--json');
  expect(JSON.parse(json.stdout).tokens).toEqual([expect.objectContaining({ id, owner: 'ada' })]);
  const hash =
    /"hash":"([0-9a-f]+)"/.exec(await readFile(file(`state/tokens/${id}.token`), 'utf8'))?.[1] ?? 'no hash';
  for (const { stdout } of [listed, json]) {
    expect(stdout).not.toContain(secret.slice(21));
    expect(stdout).not.toContain(hash);
    expect(stdout).not.toContain('\u001b');
  }

  expect((await run('token', 'revoke', id)).code).toBe(0);
  expect(await tokens.verify(secret)).toBeUndefined();
  expect((await run('token', 'list')).stdout).toContain('revoked');
  // Made by a token alone, the state directory is whole: its kill switch lets changes pass.
  expect((await run('kill-switch', 'status')).code).toBe(0);
}, 60_000);

test('tokens are listed with the cluster and the registry that they are bound to', async () => {
  const registry = `registries:
  - { name: images, environment: production, kind: harbor, url: 'https://r.example', username: fb, password: { env: HARBOR } }
`;
  await writeFile(file('firebreak.yaml'), configuration + registry);
  const make = ['token', 'create', '--owner', 'falco', '--json', '--scope'];
  const idOf = async (...more: string[]) => JSON.parse((await run(...make, ...more)).stdout).id as string;
  const ofCluster = await idOf('alerts', '--cluster', 'prod');
  const ofRegistry = await idOf('registry-events', '--registry', 'images');
  const { stdout } = await run('token', 'list');
  expect(stdout).toMatch(/^ID .* CLUSTER {2}REGISTRY {2}STATE/m);
  expect(stdout).toMatch(new RegExp(`${ofCluster} .*alerts +prod +- +valid`));
  expect(stdout).toMatch(new RegExp(`${ofRegistry} .*registry-events +- +images +valid`));
  const { tokens } = JSON.parse((await run('token', 'list', '--json')).stdout);
  expect(tokens).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ id: ofCluster, cluster: 'prod' }),
      expect.objectContaining({ id: ofRegistry, registry: 'images' }),
    ]),
  );
}, 60_000);

test.each([
  [['--owner', 'adda', '--scope', 'read'], 'did you mean "ada"?'],
  [['--owner', 'falco', '--scope', 'decide'], 'only persons decide'],
  [['--owner', 'ada', '--scope', 'admin'], 'Allowed choices are alerts, read, decide'],
  [['--owner', 'falco', '--scope', 'alerts', '--cluster', 'prd'], 'did you mean "prod"?'],
  [['--owner', 'ada', '--scope', 'read', '--expires', '2020-01-01'], 'a date to come'],
  [['--owner', 'ada'], "required option '--scope"],
])('a token that the gateway would refuse is not made: %j', async (args, said) => {
  const { code, stdout, stderr } = await run('token', 'create', ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(said);
  expect(await readdir(house.dir)).not.toContain('state');
});

test('a secret given in place of an id is not repeated', async () => {
  const secret = `fbt_0123456789abcdef_${'s'.repeat(43)}`;
  const { code, stderr } = await run('token', 'revoke', secret);
  expect(code).toBe(2);
  expect(stderr).toContain('shell history');
  expect(stderr).not.toContain('sssss');
});

test('the kill switch stops and lets go on, says who and why, and counts as on when it is damaged', async () => {
  const nothing = await run('kill-switch', 'on', '--reason', 'x');
  expect(nothing.code).toBe(2);
  expect(nothing.stderr).toContain('FB6111');
  await state();
  expect((await run('kill-switch', 'on')).stderr).toContain('--reason');
  const on = await run('kill-switch', 'on', '--reason', 'Wrong cluster', '--by', 'ada');
  expect(on.stdout).toContain('ON: no change is made');
  expect(await (await state()).killSwitch.read()).toMatchObject({ stopped: true, reason: 'Wrong cluster' });
  const status = await run('kill-switch', 'status', '--json');
  expect(status.code).toBe(1);
  expect(JSON.parse(status.stdout)).toMatchObject({
    stopped: true,
    by: expect.stringMatching(/^ada \(local:/),
  });
  expect((await run('kill-switch', 'off', '--reason', 'Corrected')).code).toBe(0);
  expect((await run('kill-switch', 'status')).code).toBe(0);
  await writeFile(file('state/kill-switch/kill-switch.json'), 'rubbish');
  expect((await run('kill-switch', 'status')).code).toBe(1);
}, 60_000);

test('the public key is PEM, and that which signs', async () => {
  const { ledgerSigner } = await state();
  expect((await run('audit', 'public-key')).stdout).toBe(ledgerSigner.publicKeyPem);
});

test('config check passes a good configuration', async () => {
  const { code, stdout } = await run('config', 'check');
  expect(stdout).toContain('0 failed');
  expect(stdout).toContain('✓ playbooks: FB-001');
  expect(code).toBe(0);
});

test('config check names every wrong field of the file with its place and fix', async () => {
  await writeFile(
    file('firebreak.yaml'),
    configuration.replace('gateway:', 'gatewey:').replace('count: 2', 'count: 0'),
  );
  const { code, stdout } = await run('config', 'check', '--json');
  expect(code).toBe(1);
  const { checks } = JSON.parse(stdout);
  expect(checks).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        name: expect.stringMatching(/^firebreak\.yaml:3:1 gatewey/),
        detail: expect.stringContaining('"gateway"'),
      }),
      expect.objectContaining({
        name: expect.stringMatching(/^firebreak\.yaml:13:\d+ approvals\.release\.count/),
      }),
    ]),
  );
  // A command that needs it says the same, and that it is the configuration.
  const up = await run('up');
  expect(up.code).toBe(2);
  expect(up.stderr).toContain('FB6003');
  expect(up.stderr).toContain('gatewey');
});

test('config check finds what cannot work together, all at once', async () => {
  await writeFile(
    file('firebreak.yaml'),
    configuration
      .replace('escalation: [leads]', 'escalation: [nobody]')
      .replace('count: 2', 'count: 9')
      .concat(
        'slack:\n  signingSecret: { env: NO_SUCH_SECRET }\n  botToken: { file: bot-token }\n  channel: C012AB3CD\n',
        'sources:\n  siem: { fields: { rule: "body.(" } }\n',
      ),
  );
  await writeFile(file('bot-token'), 'xoxb-this-is-secret');
  await chmod(file('bot-token'), 0o644);
  await writeFile(file('routes.yaml'), '- { name: a, match: "alert.rul == 1", playbook: FB-01 }\n');
  await mkdir(file('playbooks/broken'));
  await writeFile(
    file('playbooks/broken/playbook.yaml'),
    'id: FB-002\nname: Broken\nversion: 1\nsteps: []\n',
  );
  await rm(file('kubeconfig'));
  await state();
  await chmod(file('state/keys/ledger.pem'), 0o644);
  const { code, stdout } = await run('config', 'check', '--json');
  expect(code).toBe(1);
  expect(stdout).not.toContain('xoxb-this-is-secret');
  const found: { [name: string]: string } = {};
  for (const { name, state: how, detail, fix } of JSON.parse(stdout).checks)
    found[name] = `${how}: ${detail} ${fix ?? ''}`;
  expect(found['approvals.escalation']).toMatch(/^failed: needs a person of nobody/);
  expect(found['approvals.release']).toMatch(/^failed: needs 9 persons of responders, and there are 3/);
  expect(found['slack.signingSecret']).toMatch(/^failed: .*NO_SUCH_SECRET/);
  expect(found['slack.botToken']).toMatch(/^warning: .*644.* chmod 600/);
  expect(found['sources.siem']).toMatch(/^failed: FB1606/);
  expect(found['clusters.prod.kubeconfig']).toMatch(/^failed: FB3208.*ENOENT/);
  expect(found['state.keys.ledger.pem']).toMatch(/^failed: .*chmod 600/);
  const names = Object.keys(found).join('\n');
  expect(names).toMatch(/routes\.yaml:1:\d+ \[0\]\.playbook/);
  expect(names).toMatch(/broken\/playbook\.yaml:4:\d+ steps/);
});

test('doctor says what does not answer, and ends with 1', async () => {
  await state();
  await (await state()).killSwitch.set({ stopped: true, by: 'ada', reason: 'A drill' });
  const { code, stdout } = await run('doctor');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^✓ node: v24/m);
  expect(stdout).toMatch(/^✗ temporal: 127\.0\.0\.1:1/m);
  expect(stdout).toMatch(/^✗ cluster prod: cannot be reached \(ECONNREFUSED\)/m);
  expect(stdout).toMatch(/^! kill switch: ON/m);
  expect(stdout).toMatch(/^- slack: not configured/m);
}, 60_000);

test.each([
  [{ ok: true, team: 'Shop', user: 'firebreak' }, /^✓ slack: knows the bot token: firebreak in Shop/m],
  [{ ok: false, error: 'invalid_auth' }, /^✗ slack: auth\.test: .*invalid_auth/m],
])(
  'doctor asks Slack whether it knows the bot token, and never prints it: %j',
  async (answer, said) => {
    const seen: (string | undefined)[] = [];
    const slack = createServer((request, response) => {
      seen.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => slack.listen(0, '127.0.0.1', resolve));
    const address = slack.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await writeFile(file('secret'), 'xoxb-not-to-be-seen', { mode: 0o600 });
    await writeFile(
      file('firebreak.yaml'),
      `${configuration}slack: { signingSecret: { file: secret }, botToken: { file: secret }, channel: C012AB3CD, apiUrl: 'http://127.0.0.1:${port}/api/' }\n`,
    );
    const { stdout, stderr } = await run('doctor');
    slack.close();
    expect(seen).toEqual(['/api/auth.test Bearer xoxb-not-to-be-seen']);
    expect(stdout).toMatch(said);
    expect(stdout + stderr).not.toContain('xoxb-');
  },
  60_000,
);
