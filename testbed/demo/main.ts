import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from './command-line.ts';
import { startParts } from './parts.ts';
import { tell } from './story.ts';
import { Terminal } from './terminal.ts';

const usage = `Usage: script/demo [--yes] [--keep]

Brings up a real Kubernetes control plane, Temporal and a Slack workspace on this machine, lets a Falco alert
come in, and walks through containment, approval, release and proof.

  --yes    answer every question by itself
  --keep   keep the folder with configuration, state, logs and the exported bundle
  --help   print this
`;

const { values } = commandLine(usage, {
  options: {
    yes: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
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
  const parts = await startParts(dir, ending);
  const { kubernetes, temporal, slack } = parts;
  terminal.seen(`kube-apiserver ${kubernetes.url}, Temporal ${temporal.address}, Slack ${slack.apiUrl}`);
  await tell({ terminal, ...parts });
  terminal.step('Done');
  terminal.say('Next, a playbook of your own: docs/guides/writing-playbooks.md');
  await end();
} catch (error) {
  process.stderr.write(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write(`Its logs are in ${dir}\n`);
  process.exitCode = 1;
  for (const stop of ending.splice(0).toReversed()) await stop();
}
