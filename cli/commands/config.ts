import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { examples } from '../help.ts';
import { print } from '../output.ts';
import type { GlobalOptions } from '../options.ts';
import { renderChecks } from '../render/checks.ts';

/** `firebreak config …` */
export function configCommand(): Command {
  const config = new Command('config').description('Check the configuration.');
  const check = new Command('check')
    .description(
      'Check configuration, playbooks, routes, people, secrets, the image policy and the modes of files: all problems at once.',
    )
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const { checkConfiguration } = await import('../checks/configuration.ts');
      const { checks } = await checkConfiguration(options.config);
      const good = checks.every(({ state }) => state !== 'failed');
      print(options, { ok: good, checks }, () => renderChecks(checks));
      if (!good) process.exitCode = exitCodes.failed;
    });
  config.addCommand(
    examples(check, [
      ['firebreak config check', './firebreak.yaml, without calling anybody'],
      ['firebreak --config /etc/firebreak/firebreak.yaml config check --json', 'in CI'],
    ]),
  );
  return config;
}
