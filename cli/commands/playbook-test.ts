import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { examples } from '../help.ts';
import { note, print } from '../output.ts';
import type { GlobalOptions } from '../options.ts';
import { renderTested } from '../render/scenarios.ts';

/** `firebreak playbook test` */
export function testCommand(): Command {
  const command = new Command('test')
    .description('Play the scenarios beside playbooks, with a clock of their own: no server, no cluster.')
    .argument(
      '[paths...]',
      'playbooks, directories of them, or scenario files; default: those of the configuration',
    )
    .action(async (paths: string[], _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const { defaultDirectory } = await import('../lint.ts');
      const { testPlaybooks } = await import('../scenario/suite.ts');
      const wanted = paths.length > 0 ? paths : [await defaultDirectory(options.config)];
      note('Playing scenarios: no server, no cluster, nothing is changed …');
      const tested = await testPlaybooks(wanted);
      print(options, tested, () => renderTested(tested));
      if (!tested.ok) process.exitCode = exitCodes.failed;
    });
  return examples(command, [
    ['firebreak playbook test', 'every scenario of every playbook'],
    ['firebreak playbook test playbooks/FB-001-quarantine-namespace', 'those of one playbook'],
    ['firebreak playbook test playbooks/FB-001-quarantine-namespace/scenarios/approved.yaml', 'one scenario'],
  ]);
}
