import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../demo/command-line.ts';
import { grantRights, people, startParts } from '../demo/parts.ts';
import { Terminal } from '../demo/terminal.ts';
import { Api } from './api.ts';
import { startBeside } from './beside.ts';
import { Histories } from './histories.ts';
import { searchLeftovers } from './leftovers.ts';
import { play, type Played } from './play.ts';
import { readRehearsal, rehearsed } from './rehearsal.ts';
import { report } from './report.ts';

const usage = `Usage: script/game-day [playbook …] [--rehearsal <playbook>=<file> …] [--json] [--keep]

Plays the rehearsals of playbooks (playbooks/<folder>/rehearsal.yaml) on a real Kubernetes control plane, Temporal and a
Slack workspace on this machine, and says how long each took from the alert to the question, the containment, the evidence
and the close. Without a playbook: all that have a rehearsal. Ends with 1 when anything was not as the rehearsal expects.

  --rehearsal <playbook>=<file>  play another rehearsal of a playbook than its own; alone: only these
  --json                         print one JSON document, and the progress to standard error
  --keep                         keep the folder with configuration, state and logs
  --help                         print this
`;

const { values, positionals } = commandLine(usage, {
  allowPositionals: true,
  options: {
    rehearsal: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const all = await rehearsed(fileURLToPath(new URL('../../playbooks', import.meta.url)));
const strange = positionals.filter((id) => !all.some((each) => each.id === id));
if (strange.length > 0) {
  process.stderr.write(
    `There is no rehearsal of ${strange.join(', ')}: write a rehearsal.yaml beside its playbook.yaml (docs/guides/game-day.md). There are: ${all.map(({ id }) => id).join(', ')}\n`,
  );
  process.exit(2);
}
const others = values.rehearsal.map((named) => {
  const at = named.indexOf('=');
  return { named, id: named.slice(0, at), file: named.slice(at + 1) };
});
const unknown = others.filter(({ id }) => !all.some((each) => each.id === id));
if (unknown.length > 0) {
  process.stderr.write(
    `--rehearsal ${unknown.map(({ named }) => named).join(', ')}: write <playbook>=<file>, with one of ${all.map(({ id }) => id).join(', ')}\n`,
  );
  process.exit(2);
}
const isAll = positionals.length === 0 && others.length === 0;
const chosen = [...all.filter(({ id }) => isAll || positionals.includes(id)), ...others];

/** A DaemonSet has a pod on each: one that is tried, and one that follows. */
const nodes = 2;

const terminal = new Terminal(false, values.json ? process.stderr : process.stdout);
const dir = await mkdtemp(join(tmpdir(), 'firebreak-game-day-'));
const ending: (() => Promise<void>)[] = [];

async function end(keep: boolean): Promise<void> {
  for (const stop of ending.splice(0).toReversed()) await stop();
  if (keep) terminal.say(`kept: ${dir}`);
  else await rm(dir, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void end(values.keep).finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  });
}

try {
  const rehearsals = await Promise.all(
    chosen.map(async ({ id, file }) => ({ id, rehearsal: await readRehearsal(file) })),
  );
  terminal.step('A real control plane, a Temporal server, a Slack workspace and Firebreak on this machine');
  const { kubernetes, slack, temporal, firebreak, channel } = await startParts(dir, ending, nodes);
  const beside = await startBeside(firebreak, rehearsals, ending);
  await grantRights(
    kubernetes,
    firebreak,
    chosen.map(({ id }) => id),
  );
  const api = new Api(firebreak);
  await api.enrol(firebreak, people);
  await firebreak.up();
  slack.setInteractivityUrl(`${firebreak.url}/slack/interactions`);
  const histories = await Histories.open(temporal.address, temporal.namespace);
  ending.push(() => histories.close());
  const house = {
    kubernetes,
    slack,
    api,
    channel,
    beside,
    histories,
    seen: (text: string) => terminal.seen(text),
  };
  const played: Played[] = [];
  for (const { id, rehearsal } of rehearsals) {
    terminal.step(`${id}: ${rehearsal.about}`);
    const one = await play(house, id, rehearsal);
    for (const what of one.wrong) terminal.say(`not as expected: ${what}`);
    played.push(one);
  }
  const searched = await searchLeftovers({
    dir,
    url: firebreak.url,
    vault: beside.vault.dir,
    slack,
    channel,
    recorded: await histories.read(),
    secrets: {
      "Slack's signing secret": slack.signingSecret,
      "Slack's bot token": slack.botToken,
      ...api.secrets(),
      ...(await beside.secrets()),
    },
    incidents: played.map(({ incident }) => incident),
  });
  const isGood =
    played.every(({ wrong }) => wrong.length === 0) &&
    searched.found.length === 0 &&
    searched.blind.length === 0;
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ ok: isGood, played, searched }, undefined, 2)}\n`
      : report(played, searched),
  );
  process.exitCode = isGood ? 0 : 1;
  await end(values.keep || !isGood);
} catch (error) {
  process.stderr.write(`\nThe game day failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
  await end(true);
}
