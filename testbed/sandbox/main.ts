import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { commandLine } from '../demo/command-line.ts';
import { command, kubectl, type Firebreak } from '../demo/firebreak.ts';
import { grantRights, people, startParts } from '../demo/parts.ts';
import { shop, victim } from '../demo/shop.ts';
import { Terminal } from '../demo/terminal.ts';
import { showChannel } from './channel.ts';
import { writeEnvironment } from './environment.ts';

const usage = `Usage: script/sandbox

A place to try playbooks in: a real Kubernetes control plane with a small shop in it (the cluster "shop", namespaces storefront,
checkout and catalogue), Temporal, a Slack workspace, and Firebreak with the playbooks of this folder. It says how another terminal
gets there, and shows each message that Slack is sent. Enter starts Firebreak again, with the playbooks as they are then;
Ctrl-C ends everything.

  --help   print this
`;

commandLine(usage, { options: { help: { type: 'boolean' } } });

const terminal = new Terminal(false);
const dir = await mkdtemp(join(tmpdir(), 'firebreak-sandbox-'));
const ending: (() => Promise<void>)[] = [];

async function end(code: number): Promise<never> {
  for (const stop of ending.splice(0).toReversed()) await stop();
  await rm(dir, { recursive: true, force: true });
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void end(signal === 'SIGINT' ? 130 : 143));

/** Firebreak with the playbooks as they are now. It stays as it is while one of them has an error. */
async function start(firebreak: Firebreak): Promise<void> {
  const lint = await firebreak.command(['playbook', 'lint'], { mayFail: true });
  if (lint.code !== 0) {
    terminal.quote(lint.stdout + lint.stderr);
    terminal.say('Firebreak was not started with these playbooks: correct them, and press Enter.');
    return;
  }
  await firebreak.stop();
  await firebreak.up();
  terminal.seen(`firebreak up: ${firebreak.url}`);
}

try {
  terminal.step('A real control plane, a Temporal server and a Slack workspace on this machine');
  const { kubernetes, slack, firebreak, channel } = await startParts(dir, ending);
  terminal.step('A shop, and Firebreak with the rights that its actions need');
  const kube = async (args: readonly string[], input?: string) => {
    const { code, stderr } = await kubectl(kubernetes, kubernetes.adminKubeconfig, args, input);
    if (code !== 0) throw new Error(stderr);
  };
  await kube(['apply', '-f', '-'], JSON.stringify(shop));
  await kube(['-n', victim, 'rollout', 'status', 'deployment/web', '--timeout=60s']);
  await grantRights(kubernetes, firebreak);
  const tokens: { [person: string]: string } = {};
  for (const person of people) {
    const create = ['token', 'create', '--owner', person, '--scope', 'read', '--scope', 'decide'];
    tokens[person] = (await firebreak.command(create)).stdout.trim();
  }
  await start(firebreak);
  slack.setInteractivityUrl(`${firebreak.url}/slack/interactions`);
  const environment = await writeEnvironment({
    dir,
    settings: { ...firebreak.settings, KUBECONFIG: kubernetes.adminKubeconfig },
    programs: { firebreak: command, kubectl: kubernetes.kubectl },
    tokens,
  });

  terminal.step('Ready');
  terminal.say(`In another terminal:  . ${environment}
You are ada there, a responder. --token-file $SANDBOX/ben is another one, dana a third, eve a lead.
Enter starts Firebreak again with the playbooks as they are then; Ctrl-C ends everything.`);
  const over = new AbortController();
  const shown = showChannel({
    slack,
    channel,
    dir: join(dir, 'slack'),
    show: (text, page) => {
      terminal.step(`Slack: ${page}`);
      terminal.quote(text);
    },
    signal: over.signal,
  });
  ending.push(async () => {
    over.abort();
    await shown;
  });
  let last = Promise.resolve();
  createInterface({ input: process.stdin }).on('line', () => {
    last = last
      .then(() => start(firebreak))
      .catch((error: unknown) => terminal.say(error instanceof Error ? error.message : String(error)));
  });
  await shown;
} catch (error) {
  process.stderr.write(`\nThe sandbox failed: ${error instanceof Error ? error.message : String(error)}\n`);
  await end(1);
}
