import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Grep } from '../../testbed/grep.ts';
import { startHarbor, type HarborTestbed, type Robot } from '../../testbed/harbor.ts';
import { freePort } from '../../testbed/ports.ts';
import { startService, waitFor, type RunningProcess } from '../../testbed/process.ts';
import { startSlack, type SlackTestbed } from '../../testbed/slack.ts';
import { startTemporal, type Temporal } from '../../testbed/temporal.ts';
import type { Crash } from '../support/crashing-process.ts';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const command = path('cli/bin.mjs');
const injected = pathToFileURL(path('test/support/crashing-process.ts')).href;

/** Gateway and worker in one process of `firebreak up`, with real secrets, whose playbook waits at a question about one of them. */
let dir: string;
let slack: SlackTestbed;
let temporal: Temporal;
let harbor: HarborTestbed;
let robot: Robot;
let url: string;
let token: string;
let service: RunningProcess;
let secrets: { [name: string]: string };
let env: NodeJS.ProcessEnv;
const stored = () => join(dir, 'vault', 'harbor', 'ci');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-crash-dumps-'));
  slack = await startSlack({ users: [{ name: 'ada' }], channels: [{ name: 'incidents' }] });
  temporal = await startTemporal({ dbFilename: join(dir, 'temporal.db') });
  harbor = await startHarbor();
  robot = harbor.addRobot('ci');
  url = `http://127.0.0.1:${await freePort()}`;
  for (const folder of ['vault/harbor/ci', 'playbooks/T-001', 'tmp', 'left'])
    await mkdir(join(dir, folder), { recursive: true, mode: 0o700 });
  await writeFile(join(stored(), '1'), robot.secret, { mode: 0o600 });
  const files: { [file: string]: object } = {
    'playbooks/T-001/playbook.yaml': {
      id: 'T-001',
      name: 'Rotate a robot',
      version: 1,
      description: 'Rotates a robot of Harbor.',
      severity: 'high',
      inputs: { round: { type: 'string' } },
      steps: [
        {
          id: 'robot',
          uses: 'harbor.rotate-robot',
          with: { registry: 'images', robot: robot.id, secret: 'vault/harbor/ci' },
          approve: { from: ['responders'], count: 1, within: '15m', otherwise: 'escalate' },
          undo: 'never',
        },
      ],
    },
    'routes.yaml': [],
    // Nobody is there: no step of this playbook asks a cluster.
    'engine.kubeconfig': {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'shop', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'engine', user: { token: randomBytes(24).toString('base64url') } }],
      contexts: [{ name: 'shop', context: { cluster: 'shop', user: 'engine' } }],
      'current-context': 'shop',
    },
    'firebreak.yaml': {
      state: 'state',
      temporal: { address: temporal.address },
      gateway: { host: '127.0.0.1', port: Number(new URL(url).port) },
      clusters: [{ name: 'shop', environment: 'production', kubeconfig: 'engine.kubeconfig' }],
      slack: {
        signingSecret: { env: 'SLACK_SIGNING_SECRET' },
        botToken: { env: 'SLACK_BOT_TOKEN' },
        channel: slack.channels['incidents'],
        apiUrl: slack.apiUrl,
      },
      people: [
        {
          id: 'ada',
          name: 'Ada',
          groups: ['responders'],
          slack: [{ team: slack.teamId, user: slack.users['ada']?.id }],
        },
      ],
      routes: 'routes.yaml',
      playbooks: 'playbooks',
      secretStores: [{ name: 'vault', kind: 'file', directory: 'vault' }],
      registries: [
        {
          name: 'images',
          environment: 'production',
          kind: 'harbor',
          url: harbor.url,
          username: harbor.admin.username,
          password: { env: 'HARBOR_PASSWORD' },
        },
      ],
      approvals: {
        default: { from: ['responders'], count: 1, within: '5m', otherwise: 'escalate' },
        release: { from: ['responders'], count: 1, within: '15m', otherwise: 'deny' },
        escalation: ['responders'],
      },
    },
  };
  for (const [file, value] of Object.entries(files))
    await writeFile(join(dir, file), JSON.stringify(value, undefined, 2));
  const engine = {
    FIREBREAK_CONFIG: join(dir, 'firebreak.yaml'),
    SLACK_SIGNING_SECRET: slack.signingSecret,
    SLACK_BOT_TOKEN: slack.botToken,
    HARBOR_PASSWORD: harbor.admin.password,
    AWS_SECRET_ACCESS_KEY: randomBytes(30).toString('base64'),
  };
  env = { ...process.env, ...engine };
  const create = [
    'token',
    'create',
    '--owner',
    'ada',
    '--label',
    'test',
    '--scope',
    'decide',
    '--scope',
    'read',
  ];
  token = (
    await promisify(execFile)(process.execPath, [command, ...create], { cwd: dir, env })
  ).stdout.trim();
  secrets = {
    "the robot's secret": robot.secret,
    "Harbor's password": engine.HARBOR_PASSWORD,
    "Slack's signing secret": engine.SLACK_SIGNING_SECRET,
    "Slack's bot token": engine.SLACK_BOT_TOKEN,
    'the AWS key': engine.AWS_SECRET_ACCESS_KEY,
    "Ada's token": token,
  };
}, 120_000);

afterAll(async () => {
  await service?.stop();
  await Promise.all([slack?.stop(), temporal?.stop(), harbor?.stop()]);
  await rm(dir, { recursive: true, force: true });
}, 60_000);

const call = async (where: string, body?: object): Promise<{ [key: string]: unknown }> => {
  const answer = await fetch(`${url}${where}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${where}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as { [key: string]: unknown };
};

let rounds = 0;
const logins = () => harbor.calls.filter(({ path: asked }) => asked.startsWith('/service/token')).length;

/** Starts it with every report asked for and no core file allowed, as SECURITY.md has it, and opens an incident that waits at its gate. */
async function upToTheGate(): Promise<void> {
  const reports = `--report-on-fatalerror --report-on-signal --report-uncaught-exception --report-dir=${dir}/left`;
  service = await startService({
    name: 'firebreak',
    command: '/bin/sh',
    args: ['-c', 'ulimit -c 0; exec "$@"', 'sh', process.execPath, command, 'up', '--log-level', 'debug'],
    env: {
      ...env,
      NODE_OPTIONS: `--import=${injected} ${reports}`,
      TMPDIR: join(dir, 'tmp'),
      FIREBREAK_TEST_CRASH: join(dir, 'crash.json'),
    },
    cwd: join(dir, 'left'),
    logFile: join(dir, 'left', 'output'),
    ready: async () => (await fetch(`${url}/readyz`)).ok,
  });
  const before = logins();
  const { incident } = await call('/v1/incidents', {
    playbook: 'T-001',
    inputs: { round: String(++rounds) },
    reason: 'a drill',
  });
  await waitFor('the question about the robot', async () => {
    const { gates } = await call(`/v1/incidents/${String(incident)}`);
    return Array.isArray(gates) && gates.length === 1;
  });
  // The worker had the secret in its hands: it logged in with it, to plan.
  expect(logins()).toBeGreaterThan(before);
}

async function crash(how: Crash): Promise<void> {
  const file = join(dir, 'crash.json');
  await writeFile(`${file}.new`, JSON.stringify({ how, values: Object.values(secrets) }));
  await rename(`${file}.new`, file);
  await service.exited;
  await rm(file);
}

/** Everything that it left: output, reports, temporary files, state and Temporal's database; not the vault, where the secrets belong. */
async function left(): Promise<{ files: string[]; output: string; found: string[] }> {
  const folders = await Promise.all(
    ['left', 'tmp', 'state'].map(async (folder) => {
      const entries = await readdir(join(dir, folder), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  const database = (await readdir(dir)).filter((name) => name.startsWith('temporal.db'));
  const all = [...folders.flat(), ...database.map((name) => join(dir, name))];
  const text = await Promise.all(all.map(async (file) => `${file}\n${await readFile(file, 'latin1')}`));
  return {
    files: (await readdir(join(dir, 'left'))).toSorted(),
    output: await readFile(join(dir, 'left', 'output'), 'utf8'),
    found: new Grep(secrets).in(text.join('\n')),
  };
}

test.each([
  ['exception', 'uncaughtException'],
  ['rejection', 'unhandledRejection'],
] as const)(
  'a crash by %s that carries every secret ends gateway and worker at a gate, and none is left',
  async (how, origin) => {
    await upToTheGate();
    await crash(how);
    expect(await service.exited).toEqual({ code: 1, signal: null });
    const { files, output, found } = await left();
    expect({ files, found }).toEqual({ files: ['output'], found: [] });
    expect(output).toContain(`firebreak: FB6100: ended by an error that nobody caught (${origin})`);
    expect(output).toContain('AggregateError: lost: [secret] and [secret]');
  },
  120_000,
);

test('a signal that asks for a report gets none, and one that aborts leaves no file', async () => {
  await upToTheGate();
  const { pid } = service;
  process.kill(pid, 'SIGUSR2');
  await waitFor('the refusal of the report', async () =>
    (await readFile(join(dir, 'left', 'output'), 'utf8')).includes('no diagnostic report is written'),
  );
  expect(service.running()).toBe(true);
  process.kill(pid, 'SIGABRT');
  expect(await service.exited).toEqual({ code: null, signal: 'SIGABRT' });
  const { files, found } = await left();
  expect({ files, found }).toEqual({ files: ['output'], found: [] });
}, 120_000);

test('what a process without the handler leaves is found, each secret of it', async () => {
  await upToTheGate();
  await crash('unguarded');
  const { found } = await left();
  expect(found).toEqual(Object.keys(secrets));
}, 120_000);
