import { anyMap } from '../value-shape.ts';
import { inputsOf } from './action.ts';
import type { MakeStep } from './made.ts';
import { repeated } from './repeats.ts';

export const makePlaybook: MakeStep<'playbook'> = (session, step, path, view) => {
  const found = session.findChild(step.playbook);
  if ('problem' in found) session.findings.push({ ...found.problem, path: [...path, 'playbook'] });
  const child = 'ok' in found ? found.ok : undefined;
  const taker = child === undefined ? undefined : { name: step.playbook, input: child.input };
  if (child !== undefined) {
    session.usedChildren.set(step.playbook, child);
    repeated(session, view, child.repeats, [...path, 'playbook']);
  }
  return {
    body: {
      kind: 'playbook',
      playbook: step.playbook,
      with: inputsOf(session, step.with ?? {}, [...path, 'with'], taker, view),
    },
    outputs: child?.outputs ?? anyMap,
    irreversible: child?.irreversible,
  };
};
