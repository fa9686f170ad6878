import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { waitFor } from '../process.ts';
import { renderMessage, type SlackTestbed } from '../slack.ts';
import type { Kubernetes } from '../kubernetes.ts';
import { kubectl, type Firebreak } from './firebreak.ts';
import { grantRights } from './parts.ts';
import { falcoAlert, shop, victim } from './shop.ts';
import type { Terminal } from './terminal.ts';

/** Everything the story needs, up and ready. */
export interface Stage {
  terminal: Terminal;
  kubernetes: Kubernetes;
  slack: SlackTestbed;
  firebreak: Firebreak;
  channel: string;
}

const approve = 'firebreak.approve';
const deny = 'firebreak.deny';
const release = 'firebreak.release';

/** Somebody who is on call, and can be refused: the owner of the detector's token. */
const owner = 'dana';
const [responder, other] = ['ada', 'ben'] as const;

/** The main job from alert to proof. @throws when anything is not as it must be; answers false when a person denied it */
export async function tell(stage: Stage): Promise<boolean> {
  const { terminal, firebreak } = stage;
  const admin = stage.kubernetes.adminKubeconfig;
  const kube = (args: readonly string[], input?: string) => kubectl(stage.kubernetes, admin, args, input);

  terminal.step('A shop of three namespaces; in one, an allow-all policy stands beside a deny-all');
  await must(kube(['apply', '-f', '-'], JSON.stringify(shop)));
  await must(kube(['-n', victim, 'rollout', 'status', 'deployment/web', '--timeout=60s']));
  terminal.quote(await must(kube(['get', 'networkpolicies', '-A'])));
  const before = await policies(stage);

  terminal.step('Firebreak comes up, with the rights that its actions need and no more');
  await grantRights(stage.kubernetes, firebreak);
  const tokens = {
    falco: await token(firebreak, owner, ['alerts']),
    ada: await token(firebreak, responder, ['decide', 'read']),
  };
  await firebreak.up();
  stage.slack.setInteractivityUrl(`${firebreak.url}/slack/interactions`);
  terminal.seen(`firebreak up: ${firebreak.url}`);

  terminal.step('Falco sees a shell in a container');
  const pod = await must(kube(['-n', victim, 'get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}']));
  await stage.kubernetes.writePodLogs({
    namespace: victim,
    pod,
    container: 'web',
    current: ['GET / 200', 'POST /upload 500', '/bin/sh: curl: 203.0.113.7/x'],
    previous: ['listening on 8080'],
  });
  const alert = falcoAlert(pod, new Date());
  terminal.quote(alert);
  const incident = await post(stage, alert, tokens.falco);
  terminal.seen(`202: ${incident}`);
  const copy = await post(stage, alert, tokens.falco);
  if (copy !== incident) throw new Error(`a copy of the alert opened another incident: ${copy}`);
  terminal.seen('the same alert once more: the same incident');

  terminal.step('Slack shows the plan');
  const asked = await stage.slack.waitForMessage(
    stage.channel,
    (message) => hasButton(message, approve),
    60_000,
  );
  terminal.quote(renderMessage(asked));

  terminal.step(`${owner}, whose detector asked for it, cannot approve it`);
  await stage.slack.click({ user: owner, channel: stage.channel, ts: asked.ts, actionId: approve });
  terminal.quote((await stage.slack.waitForEphemeral(owner)).text);

  const answer = await terminal.choose('You are Ada, on call. What do you do?', ['approve', 'deny']);
  if (answer === 'deny') {
    await stage.slack.click({ user: responder, channel: stage.channel, ts: asked.ts, actionId: deny });
    await stage.slack.waitForView(responder);
    await stage.slack.submitView({
      user: responder,
      values: { reason: { text: 'A drill: nothing to contain.' } },
    });
    await untilStatus(firebreak, tokens.ada, incident, 'closed');
    terminal.say('Denied. Nothing was changed.');
    return false;
  }

  terminal.step('Approved by a request that Slack signed; the worker is killed in the middle of it');
  const clicked = await stage.slack.click({
    user: responder,
    channel: stage.channel,
    ts: asked.ts,
    actionId: approve,
  });
  if (clicked.delivery.failure !== undefined)
    throw new Error(`Slack's request failed: ${clicked.delivery.body}`);
  await waitFor(
    'the deny-all policy',
    async () => (await kube(['-n', victim, 'get', 'networkpolicy', 'firebreak-quarantine'])).code === 0,
  );
  terminal.seen(`the deny-all stands; SIGKILL of process ${await firebreak.kill()}`);
  await firebreak.up();
  terminal.seen('started again: it goes on where it was');
  await untilStatus(firebreak, tokens.ada, incident, 'holding');
  terminal.quote((await firebreak.command(['incident', 'show', incident], { token: tokens.ada })).stdout);

  terminal.step('An exact replay of that click is refused');
  const replayed = await stage.slack.redeliver(clicked.interaction);
  if (replayed.status < 400) throw new Error(`the replay was answered ${replayed.status}`);
  terminal.seen(`HTTP ${replayed.status}`);

  terminal.step('Contained: what is left, and what even a cluster administrator cannot do');
  terminal.quote(await must(kube(['-n', victim, 'get', 'networkpolicies'])));
  for (const args of [
    ['-n', victim, 'exec', pod, '--', 'true'],
    ['-n', victim, 'delete', 'pod', pod, '--dry-run=server'],
    ['-n', victim, 'create', 'deployment', 'miner', '--image=evil/miner', '--dry-run=server'],
  ]) {
    const refused = await kube(args);
    if (refused.code === 0) throw new Error(`kubectl ${args.join(' ')} was not refused`);
    terminal.quote(`$ kubectl ${args.join(' ')}\n${refused.stderr.slice(0, 300)}`);
  }

  terminal.step('Released: asked for by Ada, approved by Ben');
  await terminal.choose('The shop is clean. Release?', ['release']);
  const done = await stage.slack.waitForMessage(
    stage.channel,
    (message) => hasButton(message, release),
    30_000,
  );
  await stage.slack.click({ user: responder, channel: stage.channel, ts: done.ts, actionId: release });
  await stage.slack.waitForView(responder);
  await stage.slack.submitView({ user: responder, values: { reason: { text: 'The image was replaced.' } } });
  const again = await stage.slack.waitForMessage(
    stage.channel,
    (message) => message.ts !== asked.ts && hasButton(message, approve),
    30_000,
  );
  terminal.quote(renderMessage(again));
  await stage.slack.click({ user: other, channel: stage.channel, ts: again.ts, actionId: approve });
  await untilStatus(firebreak, tokens.ada, incident, 'closed');
  const after = await policies(stage);
  if (!isDeepStrictEqual(after, before)) throw new Error('the policies are not as they were');
  terminal.seen(`${before.length} policies are semantically equal to what they were`);

  await prove(stage, incident);
  return true;
}

/** Exports the incident, verifies and replays it, and shows that one changed byte is found. */
async function prove({ terminal, firebreak }: Stage, incident: string): Promise<void> {
  terminal.step('An auditor exports, verifies and replays the incident, offline');
  const bundle = join(firebreak.dir, 'bundle');
  await rm(bundle, { recursive: true, force: true });
  await waitFor(
    'the export',
    async () =>
      (await firebreak.command(['audit', 'export', incident, '--out', bundle], { mayFail: true })).code === 0,
  );
  const key = join(firebreak.dir, 'auditor.pub.pem');
  await writeFile(key, (await firebreak.command(['audit', 'public-key'])).stdout);
  terminal.quote((await firebreak.command(['audit', 'verify', bundle, '--key', key])).stdout);
  terminal.quote((await firebreak.command(['audit', 'timeline', bundle, '--key', key])).stdout);

  terminal.step('One byte is changed');
  const forged = join(firebreak.dir, 'forged');
  await rm(forged, { recursive: true, force: true });
  await mkdir(forged);
  await cp(bundle, forged, { recursive: true });
  const name = (await readdir(forged)).find((file) => file.startsWith('ledger'));
  if (name === undefined) throw new Error('the bundle holds no ledger');
  const text = await readFile(join(forged, name), 'utf8');
  await writeFile(join(forged, name), text.replace('"person":"ada"', '"person":"adb"'));
  const verified = await firebreak.command(['audit', 'verify', forged, '--key', key], { mayFail: true });
  if (verified.code === 0) throw new Error('the forged bundle passed');
  terminal.quote(verified.stdout);
}

async function token(firebreak: Firebreak, person: string, scopes: readonly string[]): Promise<string> {
  const { stdout } = await firebreak.command([
    'token',
    'create',
    '--owner',
    person,
    ...scopes.flatMap((scope) => ['--scope', scope]),
    '--label',
    'demo',
    ...(scopes.includes('alerts') ? ['--cluster', 'shop'] : []),
  ]);
  return stdout.trim();
}

async function post({ firebreak }: Stage, body: string, bearer: string): Promise<string> {
  const response = await fetch(`${firebreak.url}/v1/alerts/falco`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
    body,
  });
  const answer: unknown = await response.json();
  if (response.status !== 202 || typeof answer !== 'object' || answer === null || !('incident' in answer)) {
    throw new Error(`the alert was answered ${response.status}: ${JSON.stringify(answer)}`);
  }
  return String(answer.incident);
}

async function untilStatus(
  firebreak: Firebreak,
  bearer: string,
  incident: string,
  status: string,
): Promise<void> {
  await waitFor(
    `the incident ${status}`,
    async () => {
      const { stdout } = await firebreak.command(['incident', 'show', incident, '--json'], { token: bearer });
      const view: unknown = JSON.parse(stdout);
      return typeof view === 'object' && view !== null && 'status' in view && view.status === status;
    },
    90_000,
  );
}

/** The policies of the shop without what the server sets. */
async function policies({ kubernetes }: Stage): Promise<object[]> {
  const { stdout } = await kubectl(kubernetes, kubernetes.adminKubeconfig, [
    'get',
    'networkpolicies',
    '-A',
    '-o',
    'json',
  ]);
  const list: {
    items: {
      metadata: { name: string; namespace: string; labels?: object; annotations?: object };
      spec: object;
    }[];
  } = JSON.parse(stdout);
  return list.items
    .map(({ metadata: { name, namespace, labels, annotations }, spec }) => ({
      name,
      namespace,
      labels,
      annotations,
      spec,
    }))
    .toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

function hasButton(message: { blocks?: object[] }, actionId: string): boolean {
  return JSON.stringify(message.blocks ?? []).includes(`"action_id":"${actionId}"`);
}

async function must(ran: Promise<{ code: number; stdout: string; stderr: string }>): Promise<string> {
  const { code, stdout, stderr } = await ran;
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
