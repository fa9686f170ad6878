import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { examples } from '../help.ts';
import { paint, paragraph, print, safe } from '../output.ts';
import type { GlobalOptions } from '../options.ts';

interface SetOptions extends GlobalOptions {
  reason: string;
  by?: string;
}

/** `firebreak kill-switch …`: works on the state directory alone, with Temporal, Slack and the gateway down. */
export function killSwitchCommand(): Command {
  const killSwitch = new Command('kill-switch').description(
    'Stop every change that Firebreak would make. Works without Temporal and Slack; never blocks a release.',
  );
  killSwitch.addCommand(
    setting('on', 'Stop all changes, at once.', [
      'firebreak kill-switch on --reason "It hits the wrong cluster"',
      'stop',
    ]),
  );
  killSwitch.addCommand(
    setting('off', 'Let changes pass again.', [
      'firebreak kill-switch off --reason "Configuration corrected"',
      'go on',
    ]),
  );
  killSwitch.addCommand(status());
  return killSwitch;
}

function setting(name: 'on' | 'off', description: string, example: readonly [string, string]): Command {
  const command = new Command(name)
    .description(description)
    .requiredOption('--reason <text>', 'why')
    .option('--by <person>', 'who decided it; default: you, on this machine')
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<SetOptions>();
      const { localUser, openExistingState } = await import('../state.ts');
      const { state } = await openExistingState(options.config);
      const by = options.by === undefined ? localUser() : `${options.by} (${localUser()})`;
      await state.killSwitch.set({ stopped: name === 'on', by, reason: options.reason });
      const now = await state.killSwitch.read();
      print(options, now, () => render(now));
    });
  return examples(command, [example]);
}

function status(): Command {
  const command = new Command('status')
    .description('Say whether changes are stopped, by whom and why. Ends with 1 when they are.')
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const { openExistingState } = await import('../state.ts');
      const { state } = await openExistingState(options.config);
      const now = await state.killSwitch.read();
      print(options, now, () => render(now));
      if (now.stopped) process.exitCode = exitCodes.failed;
    });
  return examples(command, [['firebreak kill-switch status && echo changes pass', 'in a script']]);
}

function render({
  stopped,
  by,
  reason,
  at,
}: {
  stopped: boolean;
  by: string;
  reason: string;
  at: string;
}): string {
  const state = stopped ? paint('red', 'ON: no change is made') : paint('green', 'off: changes pass');
  return paragraph(`Kill switch ${state}. Set ${safe(at, 40)} by ${safe(by, 200)}: ${safe(reason, 500)}`);
}
