import { catalogue } from '../../worker/catalogue.ts';
import { loadPlaybooks, PlaybooksInvalid } from '../../worker/playbooks.ts';
import { findPlaybook, playbooksDirectory } from '../find-playbook.ts';
import { actionPage } from './action.ts';
import { playbookPage } from './playbook.ts';

export interface Page {
  /** `playbooks/FB-001.md` */
  file: string;
  text: string;
}

/** The page of one playbook; or of all, and of every action. @throws PlaybooksInvalid */
export async function pages(wanted: string | undefined, config: string): Promise<Page[]> {
  const { actions, signatures } = catalogue();
  if (wanted !== undefined) {
    const found = await findPlaybook(wanted, config, signatures);
    return [{ file: `playbooks/${found.playbook.id}.md`, text: playbookPage(found, actions) }];
  }
  const { playbooks, problems } = await loadPlaybooks(await playbooksDirectory(config), signatures);
  if (problems.length > 0) throw new PlaybooksInvalid(problems);
  return [
    ...[...playbooks].map(([id, one]) => ({ file: `playbooks/${id}.md`, text: playbookPage(one, actions) })),
    ...actions.flatMap((action) => {
      const signature = signatures.find(({ name }) => name === action.name);
      return signature === undefined
        ? []
        : [{ file: `actions/${action.name}.md`, text: actionPage(action, signature) }];
    }),
  ];
}
