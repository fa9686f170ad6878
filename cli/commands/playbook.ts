import { Command, Option } from 'commander';
import { severities } from '../../domain/alert.ts';
import { modes } from '../../domain/decision.ts';
import { openedIncident } from '../answers.ts';
import { exitCodes } from '../failure.ts';
import { openGateway } from '../gateway.ts';
import { examples } from '../help.ts';
import { explainInputs, gatherInput, inputsOf, type InputOptions } from '../inputs.ts';
import { note, print } from '../output.ts';
import type { GlobalOptions } from '../options.ts';
import { renderPlanned } from '../render/plan.ts';
import { renderLint } from '../render/problems.ts';
import { testCommand } from './playbook-test.ts';
import { diffCommand } from './playbook-diff.ts';
import { docsCommand } from './playbook-docs.ts';
import { graphCommand } from './playbook-graph.ts';
import { newCommand } from './playbook-new.ts';

/** `firebreak playbook …` */
export function playbookCommand(): Command {
  const playbook = new Command('playbook').description('Check, plan and run playbooks.');
  playbook.addCommand(lint());
  playbook.addCommand(testCommand());
  playbook.addCommand(plan());
  playbook.addCommand(run());
  playbook.addCommand(graphCommand());
  playbook.addCommand(diffCommand());
  playbook.addCommand(docsCommand());
  playbook.addCommand(newCommand());
  playbook.addCommand(schema());
  return playbook;
}

function lint(): Command {
  const command = new Command('lint')
    .description('Check playbooks: file, line, column, field, what is wrong and how to fix it.')
    .argument('[paths...]', 'files, or directories of playbooks; default: those of the configuration')
    .option('--strict', 'warnings count as errors')
    .action(async (paths: string[], _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { strict?: boolean }>();
      const { lintPlaybooks } = await import('../lint.ts');
      const found = await lintPlaybooks(paths, options.config);
      const wrong = found.problems.filter(({ severity }) => severity === 'error' || options.strict === true);
      print(options, { ok: wrong.length === 0, ...found }, () => renderLint(found));
      if (wrong.length > 0) process.exitCode = exitCodes.failed;
    });
  return examples(command, [
    ['firebreak playbook lint', 'every playbook of ./firebreak.yaml, or of ./playbooks without one'],
    ['firebreak playbook lint playbooks/FB-001-quarantine-namespace/playbook.yaml', 'one file'],
  ]);
}

function plan(): Command {
  const command = withInputs(
    new Command('plan').argument('<playbook>', 'id of a playbook, or a file'),
    'Show what a playbook would change in the live cluster now. Only reads; applies nothing.',
  )
    .addOption(
      new Option('--severity <severity>', 'as if the incident had this').choices(severities).default('high'),
    )
    .addOption(new Option('--mode <mode>', 'as if it ran so').choices(modes).default('approve'))
    .option('--alert <file>', 'JSON of an alert, for expressions that read it')
    .action(async (playbook: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<PlanCommandOptions>();
      const { planPlaybook } = await import('../plan.ts');
      note(`Planning ${playbook}: reading the cluster, changing nothing …`);
      const planned = await planPlaybook({ ...options, playbook, inputs: await inputsOf(options) });
      print(options, planned, () => renderPlanned(planned));
      if (planned.steps.some(({ refusals }) => refusals.length > 0)) process.exitCode = exitCodes.refused;
      else if (planned.steps.some(({ error }) => error !== undefined)) process.exitCode = exitCodes.failed;
    });
  return examples(command, [
    ['firebreak playbook plan FB-001 --input cluster=prod --input namespace=shop', 'before an incident'],
  ]);
}

interface PlanCommandOptions extends GlobalOptions, InputOptions {
  severity: (typeof severities)[number];
  mode: (typeof modes)[number];
  alert?: string;
}

function run(): Command {
  const command = withInputs(
    new Command('run').argument('<playbook>', 'id of a playbook'),
    'Open an incident by hand. Whoever opens it cannot approve it.',
  )
    .requiredOption('--reason <text>', 'why; it is the title of the incident')
    .addOption(
      new Option('--mode <mode>', 'how far it goes').choices(['simulate', 'approve']).default('approve'),
    )
    .addOption(
      new Option('--severity <severity>', 'how bad it is; else the playbook’s own, or high').choices(
        severities,
      ),
    )
    .action(async (playbook: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<PlanCommandOptions & { reason: string }>();
      const gateway = await openGateway(options);
      const { mode, severity, reason } = options;
      const inputs = await inputsOf(options);
      const answer = openedIncident(
        await gateway.post('v1/incidents', { playbook, inputs, mode, severity, reason }).catch(explainInputs),
      );
      const { incident, status } = answer;
      print(options, answer, () => `${incident} ${status}. See: firebreak incident show ${incident}`);
    });
  return examples(command, [
    [
      'firebreak playbook run FB-001 --input cluster=prod --input namespace=shop --reason "Odd traffic"',
      'asks for approval, as always',
    ],
    [
      'firebreak playbook run FB-010 --inputs shop-api.yaml --reason Drill --mode simulate',
      'plans, changes nothing',
    ],
  ]);
}

function withInputs(command: Command, description: string): Command {
  return command
    .description(description)
    .option(
      '-i, --input <name=value>',
      'an input; repeat for more; name:=json for a number, true or false',
      gatherInput,
    )
    .option('--inputs <file>', 'YAML or JSON with inputs; --input takes the place of one');
}

function schema(): Command {
  const command = new Command('schema')
    .description('Print the JSON Schema of playbooks, for editors.')
    .action(async () => {
      const { playbookJsonSchema } = await import('../../language/compile/schema.ts');
      const { catalogue } = await import('../../worker/catalogue.ts');
      print({ json: true }, playbookJsonSchema(catalogue().signatures), () => '');
    });
  return examples(command, [
    ['firebreak playbook schema > playbook.schema.json', 'and name it in your editor'],
  ]);
}
