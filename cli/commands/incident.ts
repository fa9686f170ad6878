import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { cancellations } from '../../domain/decision.ts';
import { digest as digestOf, type JsonObject } from '../../domain/json.ts';
import { incidentView, summaries, takenWord, type ShownGate, type ShownIncident } from '../answers.ts';
import { confirm } from '../confirm.ts';
import { CliError, usage } from '../failure.ts';
import { fillIn, gatherAnswer } from '../form.ts';
import { openGateway, type Gateway } from '../gateway.ts';
import { examples } from '../help.ts';
import { note, print, safe } from '../output.ts';
import type { GlobalOptions } from '../options.ts';
import { renderGate } from '../render/gate.ts';
import { renderIncident, renderList } from '../render/incident.ts';
import { watch } from '../watch.ts';

const id = 'inc-0123456789abcdef-abc234';

/** `firebreak incident …`: all through the gateway, as the person whose token it is. */
export function incidentCommand(): Command {
  const incident = new Command('incident').description(
    'See incidents, decide, answer, cancel, release, take over.',
  );
  incident.addCommand(list());
  incident.addCommand(show());
  incident.addCommand(approve());
  incident.addCommand(deny());
  incident.addCommand(answer());
  incident.addCommand(cancel());
  for (const command of [
    commanding(
      'release',
      'Ask for the release of all that an incident holds; others approve it.',
      'Image rebuilt',
    ),
    commanding(
      'takeover',
      'Stop Firebreak from changing anything more; you go on by hand.',
      'I take it from here',
    ),
    commanding(
      'handback',
      'Give an incident back to Firebreak, which plans again from the world as it is.',
      'Done',
    ),
  ])
    incident.addCommand(command);
  return incident;
}

function list(): Command {
  const command = new Command('list')
    .description('List incidents: open ones first, newest first.')
    .addOption(new Option('--status <status>', 'which').choices(['open', 'closed', 'all']).default('all'))
    .option('--limit <count>', 'at most so many, up to 200', '50')
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { status: string; limit: string }>();
      const gateway = await openGateway(options);
      const query = new URLSearchParams({ status: options.status, limit: options.limit });
      const incidents = summaries(await gateway.get(`v1/incidents?${query.toString()}`));
      print(options, { incidents }, () => renderList(incidents));
    });
  return examples(command, [
    ['firebreak incident list --status open', 'what needs attention'],
    ['firebreak incident list --json', 'for a script'],
  ]);
}

function show(): Command {
  const command = withIncident('show', 'Show how an incident stands, what it asks, and what is not covered.')
    .option('--watch', 'show it again whenever it changes, until it is closed')
    .action(async (incident: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { watch?: boolean }>();
      const gateway = await openGateway(options);
      const read = () => readIncident(gateway, incident);
      const tell = (view: ShownIncident) => print(options, view, () => renderIncident(view));
      if (options.watch === true) await watch(read, tell, ({ status }) => status === 'closed');
      else tell(await read());
    });
  return examples(command, [[`firebreak incident show ${id}`, 'on 80 columns']]);
}

interface DecisionOptions extends GlobalOptions {
  digest?: string;
  reason?: string;
  yes?: boolean;
}

function approve(): Command {
  const command = deciding('approve', 'Approve what an incident asks: exactly what is shown, by its digest.')
    .option('--reason <text>', 'why')
    .option('-y, --yes', 'do not ask')
    .action(async (incident: string, gate: string | undefined, _: object, self: Command) => {
      const options = self.optsWithGlobals<DecisionOptions>();
      await decide('approve', incident, gate, options);
    });
  return examples(command, [
    [`firebreak incident approve ${id}`, 'shows what is asked, then asks you'],
    [`firebreak incident approve ${id} quarantine --yes --digest sha256:…`, 'only what you have seen before'],
  ]);
}

function deny(): Command {
  const command = deciding('deny', 'Deny what an incident asks.')
    .requiredOption('--reason <text>', 'why; it is kept in the ledger')
    .action(async (incident: string, gate: string | undefined, _: object, self: Command) => {
      const options = self.optsWithGlobals<DecisionOptions>();
      await decide('deny', incident, gate, { ...options, yes: true });
    });
  return examples(command, [[`firebreak incident deny ${id} --reason "A drill"`, 'one denial is enough']]);
}

function answer(): Command {
  const command = withIncident('answer', 'Fill in the form that an incident asks for.')
    .option('--gate <gate>', 'which question; needed when several are open')
    .option('--set <field=value>', 'one answer; the default stands for a field that is not set', gatherAnswer)
    .option('--digest <sha256>', 'refuse unless the question has this digest')
    .option('--reason <text>', 'a remark; it is kept in the ledger')
    .option('-y, --yes', 'do not ask')
    .action(async (incident: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<DecisionOptions & { gate?: string; set?: Map<string, string> }>();
      await decide('answer', incident, options.gate, options);
    });
  return examples(command, [
    [
      `firebreak incident answer ${id} --set ticket=INC-4711 --set page=true`,
      'shows what is sent, then asks you',
    ],
  ]);
}

function cancel(): Command {
  const command = withIncident(
    'cancel',
    'Cancel the playbook of an incident. It lets go of no containment by itself.',
  )
    .addOption(
      new Option(
        '--then <choice>',
        'stop: what runs is stopped, what was applied stays; undo: then changes are undone, and a release of the containments is asked for; hold: what runs is finished, and the incident stays open',
      )
        .choices(cancellations)
        .makeOptionMandatory(),
    )
    .requiredOption('--reason <text>', 'why; it is kept in the ledger')
    .action(async (incident: string, _: object, self: Command) => {
      const { then, reason, ...options } = self.optsWithGlobals<
        GlobalOptions & { then: string; reason: string }
      >();
      const gateway = await openGateway(options);
      const body = { command: 'cancel', then, reason };
      const taken = takenWord(await gateway.post(`v1/incidents/${incident}/commands`, body));
      print(
        options,
        taken,
        () => `${incident}: cancel (${then}) is taken. See: firebreak incident show ${incident}`,
      );
    });
  return examples(command, [
    [`firebreak incident cancel ${id} --then stop --reason "False alarm"`, 'what was applied stays'],
    [
      `firebreak incident cancel ${id} --then undo --reason "Wrong service"`,
      'containments only once others approve',
    ],
  ]);
}

function withIncident(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addArgument(new Argument('<incident>', 'its id').argParser(incidentId));
}

function deciding(name: string, description: string): Command {
  return withIncident(name, description)
    .argument('[gate]', 'which question; needed when several are open')
    .option('--digest <sha256>', 'refuse unless the question has this digest');
}

function commanding(name: 'release' | 'takeover' | 'handback', description: string, reason: string): Command {
  const command = withIncident(name, description)
    .requiredOption('--reason <text>', 'why; it is kept in the ledger')
    .action(async (incident: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { reason: string }>();
      const gateway = await openGateway(options);
      const body = { command: name, reason: options.reason };
      const answer = takenWord(await gateway.post(`v1/incidents/${incident}/commands`, body));
      print(options, answer, () => `${incident}: ${name} is taken. See: firebreak incident show ${incident}`);
    });
  return examples(command, [
    [`firebreak incident ${name} ${id} --reason "${reason}"`, 'with your own token'],
  ]);
}

/** Shows the gate, has it confirmed, and sends the digest of just what was shown. */
async function decide(
  wish: 'approve' | 'deny' | 'answer',
  incident: string,
  wanted: string | undefined,
  options: DecisionOptions & { set?: Map<string, string> },
): Promise<void> {
  const gateway = await openGateway(options);
  const view = await readIncident(gateway, incident);
  const open = chosen(view, wanted);
  const { gate, digest } = open;
  // What the person reads must be what the digest binds, whatever the gateway claims.
  if (digestOf(gate) !== digest || gate.incident !== incident) {
    throw new CliError(
      'FB6109',
      'refused',
      `the digest of ${safe(gate.id, 200)} is not that of what the gateway shows: decide in Slack, and have the gateway looked at`,
    );
  }
  if (options.digest !== undefined && options.digest !== digest) {
    throw new CliError(
      'FB6110',
      'refused',
      `${safe(gate.id, 200)} has another digest than --digest, ${digest}: read what is asked now, and decide again`,
    );
  }
  note(renderGate(view, open));
  const answers = wish === 'deny' ? undefined : answersTo(gate, wish, options.set);
  if (answers !== undefined) note(`\nYour answers: ${safe(JSON.stringify(answers), 4_000)}`);
  const question = wish === 'answer' ? 'Send them for' : 'Approve';
  if (options.yes !== true) await confirm(`\n${question} ${safe(gate.id, 200)} of ${incident}?`);
  const verdict = wish === 'deny' ? 'deny' : 'approve';
  const said = {
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(answers === undefined ? {} : { answers }),
  };
  const body = { gate: gate.id, digest, verdict, ...said };
  const taken = takenWord(await gateway.post(`v1/incidents/${incident}/decisions`, body));
  print(
    options,
    { ...taken, gate: gate.id, digest, verdict },
    () => `${incident}: your word on ${safe(gate.id, 200)} is taken (${wish}).`,
  );
}

/** A form is answered, anything else is approved: neither by the other's command. */
function answersTo(
  { id: gate, form }: ShownGate['gate'],
  wish: 'approve' | 'answer',
  set: ReadonlyMap<string, string> = new Map(),
): JsonObject | undefined {
  if (form !== undefined && wish === 'answer') return fillIn(form, set);
  if (form !== undefined) throw usage(`${safe(gate, 200)} asks for a form: use firebreak incident answer`);
  if (wish === 'answer') throw usage(`${safe(gate, 200)} has no form: use firebreak incident approve`);
  return undefined;
}

function chosen(view: ShownIncident, wanted: string | undefined): ShownGate {
  const ids = view.gates.map(({ gate }) => safe(gate.id, 200)).join(', ');
  if (wanted !== undefined) {
    const found = view.gates.find(({ gate }) => gate.id === wanted);
    if (found !== undefined) return found;
    throw new CliError(
      'FB6108',
      'refused',
      `${view.incident} does not ask ${safe(JSON.stringify(wanted), 200)}; open: ${ids === '' ? 'nothing' : ids}`,
    );
  }
  const [only, ...others] = view.gates;
  if (only === undefined) {
    throw new CliError(
      'FB6108',
      'refused',
      `${view.incident} asks nothing now (${safe(view.status, 30)}): it was answered, or its time is over`,
    );
  }
  if (others.length > 0) throw usage(`name the question to answer, one of: ${ids}`);
  return only;
}

async function readIncident(gateway: Gateway, incident: string): Promise<ShownIncident> {
  return incidentView(await gateway.get(`v1/incidents/${incident}`));
}

/** Refused here, so that nothing else ever stands in a URL's path. */
function incidentId(text: string): string {
  if (/^inc-[0-9a-f]{16}-[a-z2-7]{6}$/.test(text)) return text;
  throw new InvalidArgumentError(`Write it like ${id}.`);
}
