import { Command } from 'commander';
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
  return action;
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
