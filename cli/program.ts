import { readFileSync } from 'node:fs';
import tab from '@bomb.sh/tab/commander';
import { Command, Option } from 'commander';
import { actionCommand } from './commands/action.ts';
import { auditCommand } from './commands/audit.ts';
import { configCommand } from './commands/config.ts';
import { doctorCommand } from './commands/doctor.ts';
import { incidentCommand } from './commands/incident.ts';
import { killSwitchCommand } from './commands/kill-switch.ts';
import { permissionsCommand } from './commands/permissions.ts';
import { playbookCommand } from './commands/playbook.ts';
import { tokenCommand } from './commands/token.ts';
import { upCommand } from './commands/up.ts';
import { exitCodes } from './failure.ts';
import { examples } from './help.ts';
import { jsonText } from './output.ts';

/** The whole `firebreak` command. Its modules load what they need when they run, so that `--help` and completion are quick. */
export function createProgram(): Command {
  const program = new Command('firebreak')
    .description('Contains incidents by playbook, with a person deciding and a record that proves it.')
    .version(version(), '-V, --version', 'print the version')
    .addOption(
      new Option('-c, --config <file>', 'the configuration')
        .env('FIREBREAK_CONFIG')
        .default('firebreak.yaml'),
    )
    .option('--json', 'print JSON on standard output; errors as JSON on standard error')
    .addOption(
      new Option('--url <url>', 'where the gateway is').env('FIREBREAK_URL').default('http://127.0.0.1:8080'),
    )
    .addOption(
      new Option(
        '--token-file <file>',
        'file with your personal token; else it is taken from FIREBREAK_TOKEN',
      ).env('FIREBREAK_TOKEN_FILE'),
    )
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showSuggestionAfterError()
    .showHelpAfterError(wantsJson() ? false : '(add --help for more)')
    .configureOutput({ outputError })
    .exitOverride();
  examples(program, [
    ['firebreak up', 'run Firebreak from ./firebreak.yaml'],
    ['firebreak incident list', 'see what is going on'],
    ['firebreak incident approve inc-0123456789abcdef-abc234', 'approve what an incident asks'],
  ]);

  for (const create of [
    upCommand,
    doctorCommand,
    configCommand,
    incidentCommand,
    playbookCommand,
    actionCommand,
    permissionsCommand,
    auditCommand,
    tokenCommand,
    killSwitchCommand,
  ]) {
    const command = create();
    inherit(command, program);
    program.addCommand(command);
  }
  tab(program, { completionCommandName: 'completion' });
  for (const command of program.commands) {
    if (command.name() === 'completion') describeCompletion(command);
  }
  return program;
}

/** What Commander says of a wrong command line; as JSON where that was asked for, as all other errors are. */
function outputError(text: string, write: (text: string) => void): void {
  const message = text.trim().replace(/^error: /, '');
  const error = { code: 'FB6101', message, exit: exitCodes.usage };
  write(wantsJson() ? `${jsonText({ error })}\n` : text);
}

/** Asked before the command line is read: what is wrong with it has to be said in some form. */
function wantsJson(): boolean {
  return process.argv.includes('--json');
}

function inherit(command: Command, from: Command): void {
  command.copyInheritedSettings(from);
  for (const child of command.commands) inherit(child, command);
}

function describeCompletion(command: Command): void {
  command.description('Print a script that completes the command in your shell.');
  examples(command, [
    [
      'source <(firebreak completion bash)',
      'bash with its package bash-completion; put it in ~/.bashrc to keep it. firebreak must be on the PATH',
    ],
    ['source <(firebreak completion zsh)', 'zsh'],
    ['firebreak completion fish | source', 'fish'],
  ]);
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const manifest: { version: string } = JSON.parse(text);
  return manifest.version;
}
