import { Command, InvalidArgumentError, Option } from 'commander';
import { examples } from '../help.ts';
import type { GlobalOptions } from '../options.ts';
import { print } from '../output.ts';
import type { PermissionSystem } from '../permissions/gather.ts';

interface PermissionOptions extends GlobalOptions {
  playbook?: string[];
  allActions?: boolean;
  system?: PermissionSystem;
  cluster?: string;
  account?: string;
  serviceAccount: { namespace: string; name: string };
  user?: string;
  responderGroup?: string;
}

/** `firebreak permissions`: the least that the engine needs. Reads configuration and playbooks, and calls nobody. */
export function permissionsCommand(): Command {
  const command = new Command('permissions')
    .description('Print the rights that the engine needs for your playbooks, and no more than those.')
    .option(
      '--playbook <playbook...>',
      "only for these, by id or file, and those that they run; default: all in the configuration's folder",
    )
    .addOption(
      new Option('--all-actions', 'for every action that there is, used in any way').conflicts('playbook'),
    )
    .addOption(new Option('--system <system>', 'only of this one').choices(['kubernetes', 'aws', 'services']))
    .option('--cluster <name>', 'only for this cluster of the configuration: when their secret stores differ')
    .option('--account <name>', 'only of this AWS account of the configuration')
    .addOption(
      new Option('--service-account <namespace/name>', 'who the engine is in Kubernetes')
        .argParser(serviceAccount)
        .default({ namespace: 'firebreak', name: 'firebreak' }, 'firebreak/firebreak'),
    )
    .addOption(new Option('--user <name>', 'who the engine is in Kubernetes, when it is no ServiceAccount'))
    .option(
      '--responder-group <group>',
      "who may release by hand; default: the configuration's, if there is one",
    )
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<PermissionOptions>();
      const { gatherRights } = await import('../permissions/gather.ts');
      const { renderRights } = await import('../render/rights.ts');
      const { user, serviceAccount: account } = options;
      const rights = await gatherRights({
        ...options,
        playbooks: options.playbook ?? [],
        allActions: options.allActions ?? false,
        engine:
          user === undefined
            ? { kind: 'ServiceAccount' as const, ...account }
            : { kind: 'User' as const, name: user },
      });
      const { kubernetes, ...others } = rights;
      const list = kubernetes && { kubernetes: { apiVersion: 'v1', kind: 'List', items: kubernetes } };
      print(options, { ...others, ...list }, () => renderRights(rights));
    });
  return examples(command, [
    ['firebreak permissions', 'everything that the configured playbooks need, to be read'],
    [
      'firebreak permissions --system kubernetes | kubectl apply -f -',
      'let the engine act, and no more than that',
    ],
    ['firebreak permissions --playbook FB-001 FB-002 --user firebreak', 'when it is to carry out these only'],
    [
      'firebreak permissions --system aws --account production --json',
      'policies, denies and boundary of one account, for scripts',
    ],
  ]);
}

function serviceAccount(text: string): { namespace: string; name: string } {
  const [, namespace, name] = /^([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9.-]{0,252})$/.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined) return { namespace, name };
  throw new InvalidArgumentError('Write namespace/name.');
}
