import { Command, InvalidArgumentError, Option } from 'commander';
import type { Action, ActionSignature } from '../../domain/action.ts';
import { suggest } from '../../language/compile/problem.ts';
import { usage } from '../failure.ts';
import { examples } from '../help.ts';
import { print, safe } from '../output.ts';
import type { GlobalOptions } from '../options.ts';
import { renderAction, renderActions, type ActionDescription } from '../render/action.ts';

/** `firebreak action …`: what playbooks can use. Needs no configuration. */
export function actionCommand(): Command {
  const action = new Command('action').description('See what playbooks can do, and which rights it takes.');
  action.addCommand(
    examples(
      new Command('list').description('List the actions.').action(async (_: object, self: Command) => {
        const found = await descriptions();
        print(self.optsWithGlobals<GlobalOptions>(), { actions: found }, () => renderActions(found));
      }),
      [['firebreak action list', 'names, effects, titles']],
    ),
  );
  action.addCommand(
    examples(
      new Command('show')
        .description('Show one action: input, outputs, permissions, undo, what it does not cover.')
        .argument('<name>', 'its name')
        .action(async (name: string, _: object, self: Command) => {
          const found = await descriptions();
          const one = found.find((candidate) => candidate.name === name);
          if (one === undefined) {
            const hint = suggest(
              name,
              found.map((candidate) => candidate.name),
            );
            throw usage(`there is no action ${safe(JSON.stringify(name), 100)}: ${hint}`);
          }
          print(self.optsWithGlobals<GlobalOptions>(), one, () => renderAction(one));
        }),
      [['firebreak action show kubernetes.quarantine-namespace', 'before you approve it for the first time']],
    ),
  );
  action.addCommand(permissions());
  return action;
}

interface PermissionOptions extends GlobalOptions {
  serviceAccount: { namespace: string; name: string };
  user?: string;
  responderGroup?: string;
  playbook?: string;
}

function permissions(): Command {
  const command = new Command('permissions')
    .description('Print the Kubernetes RBAC that the engine needs, generated from its actions.')
    .addOption(
      new Option('--service-account <namespace/name>', 'who the engine is')
        .argParser(serviceAccount)
        .default({ namespace: 'firebreak', name: 'firebreak' }, 'firebreak/firebreak'),
    )
    .addOption(new Option('--user <name>', 'who the engine is, when it is no ServiceAccount'))
    .option(
      '--responder-group <group>',
      "who may release by hand; default: the configuration's, if there is one",
    )
    .option('--playbook <playbook>', 'only what this playbook, by id or file, and those that it runs need')
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<PermissionOptions>();
      const { permissionManifests } = await import('../permissions.ts');
      const { stringify } = await import('yaml');
      const { user, serviceAccount: account } = options;
      const manifests = await permissionManifests({
        ...options,
        engine:
          user === undefined
            ? { kind: 'ServiceAccount' as const, ...account }
            : { kind: 'User' as const, name: user },
      });
      print(options, { apiVersion: 'v1', kind: 'List', items: manifests }, () =>
        manifests.map((manifest) => stringify(manifest)).join('---\n'),
      );
    });
  return examples(command, [
    ['firebreak action permissions | kubectl apply -f -', 'let the engine act, and no more than that'],
    ['firebreak action permissions --service-account ops/engine', 'for a ServiceAccount of another name'],
    ['firebreak action permissions --playbook FB-001', 'when it is to carry out this one only'],
  ]);
}

function serviceAccount(text: string): { namespace: string; name: string } {
  const [, namespace, name] = /^([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9.-]{0,252})$/.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined) return { namespace, name };
  throw new InvalidArgumentError('Write namespace/name.');
}

async function descriptions(): Promise<ActionDescription[]> {
  const { catalogue } = await import('../../worker/catalogue.ts');
  const { actions, signatures } = catalogue();
  const byName = new Map(signatures.map((signature) => [signature.name, signature]));
  return actions.flatMap((action) => {
    const signature = byName.get(action.name);
    return signature === undefined ? [] : [describe(action, signature)];
  });
}

function describe(action: Action, { input, holds }: ActionSignature): ActionDescription {
  const { name, title, summary, effect, outputs, permissions, notCovered, timing } = action;
  return { name, title, summary, effect, input, outputs, permissions, notCovered, timing, holds };
}
