import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { examples } from '../help.ts';
import type { GlobalOptions } from '../options.ts';
import { print } from '../output.ts';
import { renderDifferences } from '../render/diff.ts';

/** `firebreak playbook diff` */
export function diffCommand(): Command {
  const command = new Command('diff')
    .description('Show what changed in meaning between two versions of a playbook, not in lines.')
    .argument('<old>', 'a file, an id, or <git revision>:<path>')
    .argument('<new>', 'the same')
    .option('--exit-code', 'end with 1 when they differ')
    .action(async (old: string, now: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { exitCode?: boolean }>();
      const { findPlaybook } = await import('../find-playbook.ts');
      const { compare } = await import('../diff/compare.ts');
      const { catalogue } = await import('../../worker/catalogue.ts');
      const { permissionLine } = await import('../render/permission.ts');
      const [before, after] = [
        await findPlaybook(old, options.config),
        await findPlaybook(now, options.config),
      ];
      const { actions } = catalogue();
      const differences = compare(before, after, (name) =>
        (actions.find((action) => action.name === name)?.permissions ?? []).map(permissionLine),
      );
      const found = { same: differences.length === 0, old: before.digest, new: after.digest, differences };
      print(options, found, () => renderDifferences(differences));
      if (!found.same && options.exitCode === true) process.exitCode = exitCodes.failed;
    });
  return examples(command, [
    [
      'firebreak playbook diff HEAD:playbooks/FB-001-quarantine-namespace/playbook.yaml FB-001',
      'what your edit changes; a weaker approval is said first',
    ],
    ['firebreak playbook diff --exit-code old.yaml new.yaml', 'for CI'],
  ]);
}
