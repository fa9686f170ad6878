import { Command } from 'commander';
import { examples } from '../help.ts';
import type { GlobalOptions } from '../options.ts';
import { print, safe } from '../output.ts';

/** `firebreak playbook new` */
export function newCommand(): Command {
  const command = new Command('new')
    .description(
      'Begin a playbook: a file that passes lint, its page, and a first scenario. Overwrites nothing.',
    )
    .argument('<id>', 'its id, such as FB-123')
    .option('--name <name>', 'what people call it', 'New playbook')
    .option('--dir <directory>', 'where playbooks lie; default: where the configuration says, or ./playbooks')
    .action(async (id: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { name: string; dir?: string }>();
      const { scaffold } = await import('../scaffold.ts');
      const { playbooksDirectory } = await import('../find-playbook.ts');
      const dir = options.dir ?? (await playbooksDirectory(options.config));
      const files = await scaffold({ id, name: options.name, dir });
      print(options, { files }, () => files.map((file) => safe(file)).join('\n'));
    });
  return examples(command, [
    ['firebreak playbook new FB-123 --name "Stop a miner"', 'then edit it, lint it, test it'],
  ]);
}
