import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { resources } from '../../activities/kubernetes/resources.ts';
import { exportIncident } from '../../audit/export.ts';
import { historyText } from '../../audit/history.ts';
import type { Digest } from '../../domain/json.ts';
import { holdsWorkflowId, workflowIdOf } from '../../workflows/contract.ts';
import { Grep } from '../../testbed/grep.ts';
import { pod } from '../support/quarantine-house.ts';
import { falco, Whole } from '../support/whole.ts';

let whole: Whole;

beforeAll(async () => {
  whole = await Whole.open();
  // What a library says past our log is output of the process all the same.
  for (const method of ['debug', 'info', 'log', 'warn', 'error'] as const) {
    jest.spyOn(console, method).mockImplementation((...said: unknown[]) => {
      whole.log += `${inspect(said, { depth: 10 })}\n`;
    });
  }
  await whole.up();
}, 240_000);
afterAll(async () => {
  await whole.close();
}, 60_000);

const namespace = 'vault';
const seed = (name: string): string => `${name}-${randomBytes(16).toString('hex')}`;

/** Secrets as the objects of a cluster hold them. */
const seeded = {
  'a Secret': seed('s3cret'),
  'an environment value': seed('env'),
  'an argument': seed('arg'),
  'an annotation of kubectl': seed('annotation'),
  'a ServiceAccount token': '',
};

async function seedCluster(): Promise<void> {
  await whole.furnish(namespace);
  const secrets = { group: '', version: 'v1', resource: 'secrets', namespace };
  const stringData = { password: seeded['a Secret'] };
  await whole.admin.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'db' },
    stringData,
  });
  const env = [{ name: 'DB_PASSWORD', value: seeded['an environment value'] }];
  const args = [`--password=${seeded['an argument']}`];
  const made = pod(
    namespace,
    'db-1',
    {},
    { containers: [{ name: 'db', image: 'shop.invalid/db:1', env, args }] },
  );
  made.metadata.annotations = {
    'kubectl.kubernetes.io/last-applied-configuration': `{"env":"${seeded['an annotation of kubectl']}"}`,
  };
  await whole.admin.create({ ...resources.pods, namespace }, made);
  const account = { ...resources.serviceAccounts, namespace, name: 'default', subresource: 'token' };
  const issued = await whole.admin.create<{ status: { token: string } } & typeof made>(account, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  });
  seeded['a ServiceAccount token'] = issued.status.token;
}

/** What the configuration and Slack's settings hold, and what Firebreak keeps to itself. */
async function configured(): Promise<{ [name: string]: string }> {
  const kubeconfig = await readFile(join(whole.dir, 'engine.kubeconfig'), 'utf8');
  const key = /"client-key-data": "([^"]+)"/.exec(kubeconfig)?.[1] ?? '';
  const keys = join(whole.dir, 'state', 'keys');
  const own: { [name: string]: string } = {};
  for (const file of (await readdir(keys)).filter((name) => !name.startsWith('.'))) {
    const pem = /PRIVATE KEY-----\s+([A-Za-z0-9+/=]+)/.exec(await readFile(join(keys, file), 'utf8'))?.[1];
    if (pem !== undefined) own[`the private key ${file}`] = pem;
  }
  expect(Object.keys(own).length).toBeGreaterThanOrEqual(2);
  return {
    ...Object.fromEntries(
      Object.entries(whole.tokens).map(([name, token]) => [`the token of ${name}`, token]),
    ),
    ...own,
    'the key of the kubeconfig': Buffer.from(key, 'base64').toString('utf8').split('\n')[1] ?? '',
    'the signing secret': whole.slack.signingSecret,
    'the bot token': whole.slack.botToken,
  };
}

/** What goes wrong in an incident: people send their tokens to the wrong place, Slack and the cluster fail. */
async function misfortunes(): Promise<void> {
  const { ada = '', falco: detector = '' } = whole.tokens;
  await whole.send(`/v1/incidents?token=${ada}`, { token: `${ada}x` });
  await whole.send(`/v1/incidents/${ada}`, { token: ada });
  await whole.send(`/${detector}`, { token: detector });
  await whole.send('/v1/alerts/falco', { token: ada, body: falco(namespace) });
  await whole.send('/v1/alerts/falco', { token: detector, body: `{"token":"${detector}"` });
  await whole.send('/v1/alerts/falco', { token: detector, body: JSON.stringify({ output: detector }) });
  await whole.send('/slack/interactions', {
    body: `token=${whole.slack.botToken}`,
    type: 'application/x-www-form-urlencoded',
  });
  await whole.kubernetes.stopApiServer();
  await whole.closed(await whole.alert(namespace, 'Miner'));
  await whole.kubernetes.startApiServer();
  whole.slack.fail({ kind: 'error', error: 'invalid_auth', method: 'chat.postMessage' });
  whole.slack.fail({ kind: 'refused', calls: 3 });
}

async function exported(incident: string): Promise<string> {
  const outDir = join(whole.dir, 'bundle');
  const end = Date.now() + 40_000;
  for (;;) {
    try {
      return (await exportIncident({ state: whole.state, incident, outDir })).dir;
    } catch (error) {
      if (!String(error).includes('FB5006') || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Every file under a folder as text, but for those that `leaveOut` names. */
async function filesUnder(dir: string, leaveOut: RegExp): Promise<string> {
  const found = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const kept = paths.filter((path) => !leaveOut.test(relative(dir, path)));
  return (await Promise.all(kept.map(async (path) => `${path}\n${await readFile(path, 'latin1')}`))).join(
    '\n',
  );
}

test('no secret of the cluster, the configuration or Slack is in what an incident leaves behind', async () => {
  await seedCluster();
  const secrets = { ...seeded, ...(await configured()) };
  const grep = new Grep(secrets);
  await misfortunes();
  const incident = await whole.alert(namespace);
  await whole.decide(incident, 'ada');
  await whole.held(incident);
  expect((await whole.release(incident)).outcome).toBe('released');
  await whole.view(incident);
  const bundle = await exported(incident);

  const { client, close } = await whole.client();
  const historyOf = async (id: string) => historyText(await client.workflow.getHandle(id).fetchHistory());
  const entries = await whole.state.ledger.read(incident);
  const planned = entries.filter(({ kind }) => kind === 'step.planned').map(({ data }) => data);
  const plans = planned.flatMap(({ full, snapshot }) => [full, snapshot] as Digest[]);
  const index = await whole.state.evidence.index(incident);
  const slack = [await whole.slack.messages('incidents'), whole.slack.ephemeral(), whole.slack.calls()];
  const places: { [place: string]: string } = {
    'the history': await historyOf(workflowIdOf(incident) ?? ''),
    'the holds': await historyOf(holdsWorkflowId('shop')),
    'the ledger': JSON.stringify(entries),
    'the plans': String(await Promise.all(plans.map((digest) => whole.state.evidence.get({ digest })))),
    'the evidence index': JSON.stringify(index),
    'the access log': JSON.stringify(await whole.state.accessLog.read()),
    'the log': whole.log,
    'the messages': JSON.stringify(slack),
    'the answers': whole.answers.join('\n'),
    'the bundle': await filesUnder(bundle, /^evidence\//),
    'the state directory': await filesUnder(join(whole.dir, 'state'), /^(evidence\/sha256|keys)\//),
    'the database': await filesUnder(whole.dir, /^(?!temporal\.db)/),
  };
  await close();

  const found = Object.entries(places).map(([place, text]) => [place, grep.in(text)]);
  expect(found).toEqual(Object.keys(places).map((place) => [place, []]));

  // The search can find: what must be there is found in each place, and the secrets are where they belong.
  const marks = new Grep({ incident, namespaceUid: uidOf(planned) });
  for (const [place, text] of Object.entries(places)) {
    expect({ place, found: marks.in(text).length > 0 }).toEqual({ place, found: true });
  }
  const collected = await Promise.all(index.map(({ ref }) => whole.state.evidence.get(ref)));
  const artefacts = collected.map((bytes) => Buffer.from(bytes).toString('utf8')).join('\n');
  // Evidence may hold what a pod was given in plain text, and nothing that Kubernetes keeps apart from it.
  const plain = ['an environment value', 'an argument', 'an annotation of kubectl'];
  expect(grep.in(artefacts).filter((name) => !plain.includes(name))).toEqual([]);
  expect(marks.in(artefacts)).toContain('namespaceUid');
  for (const [name, secret] of Object.entries(secrets)) {
    const history = JSON.stringify({
      payload: Buffer.from(JSON.stringify({ deep: secret })).toString('base64'),
    });
    expect(grep.in(history)).toEqual([name]);
  }
}, 240_000);

/** The UID of the namespace, as the plans name it. */
function uidOf(planned: readonly object[]): string {
  return /"uid":"([0-9a-f-]{36})"/.exec(JSON.stringify(planned))?.[1] ?? '';
}
