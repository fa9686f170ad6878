import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startKubernetes } from '../kubernetes.ts';
import { startSlack } from '../slack.ts';
import { startTemporal } from '../temporal.ts';
import { Firebreak } from './firebreak.ts';
import { tell } from './story.ts';
import { Terminal } from './terminal.ts';

const usage = `Usage: script/demo [--yes] [--keep]

Brings up a real Kubernetes control plane, Temporal and a Slack workspace on this machine, lets a Falco alert
come in, and walks through containment, approval, release and proof.

  --yes    answer every question by itself
  --keep   keep the folder with configuration, state, logs and the exported bundle
  --help   print this
`;

const { values } = parseArgs({
  options: {
    yes: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
if (!values.yes && !process.stdin.isTTY) {
  process.stderr.write('There is no terminal to ask: run script/demo --yes\n');
  process.exit(2);
}

const terminal = new Terminal(!values.yes);
const dir = await mkdtemp(join(tmpdir(), 'firebreak-demo-'));
const ending: (() => Promise<void>)[] = [];

async function end(): Promise<void> {
  for (const stop of ending.splice(0).toReversed()) await stop();
  if (values.keep) terminal.say(`kept: ${dir}`);
  else await rm(dir, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void end().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  });
}

try {
  terminal.step('A real control plane, a Temporal server and a Slack workspace on this machine');
  terminal.say('The first run builds them from source, which takes about ten minutes on two cores.');
  const people = ['ada', 'ben', 'dana', 'eve'];
  const slack = await startSlack({
    users: people.map((name) => ({ name })),
    channels: [{ name: 'incidents' }],
  });
  ending.push(() => slack.stop());
  const kubernetes = await startKubernetes();
  ending.push(() => kubernetes.stop());
  const temporal = await startTemporal({ dbFilename: join(dir, 'temporal.db') });
  ending.push(() => temporal.stop());
  terminal.seen(`kube-apiserver ${kubernetes.url}, Temporal ${temporal.address}, Slack ${slack.apiUrl}`);

  const groups: { [name: string]: string[] } = { eve: ['leads'] };
  const channel = slack.channels.incidents;
  if (channel === undefined) throw new Error('the channel is missing');
  const firebreak = await Firebreak.prepare({
    dir,
    kubernetes,
    slack,
    temporal,
    channel,
    people: people.map((name) => ({
      id: name,
      name: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
      groups: groups[name] ?? ['responders'],
      slack: [{ team: slack.teamId, user: slack.users[name]?.id }],
    })),
  });
  ending.push(() => firebreak.stop());
  await tell({ terminal, kubernetes, slack, firebreak, channel });
  terminal.step('Done');
  await end();
} catch (error) {
  process.stderr.write(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write(`Its logs are in ${dir}\n`);
  process.exitCode = 1;
  for (const stop of ending.splice(0).toReversed()) await stop();
}
