import type { Finding } from '../problem.ts';
import { collisions } from './collisions.ts';
import { containFirst, containmentMayFail, containmentOnFailure } from './containment.ts';
import { evidenceFirst } from './evidence.ts';
import { changeInForeach, changeInWhile, sameForEach } from './loops.ts';
import { stood, type Linted, type Rule } from './rule.ts';
import { missingUndo } from './undo.ts';
import { unreachable } from './unreachable.ts';
import { unusedOutputs } from './unused.ts';

const rules: readonly Rule[] = [
  evidenceFirst,
  unreachable,
  containFirst,
  containmentOnFailure,
  containmentMayFail,
  changeInWhile,
  changeInForeach,
  sameForEach,
  collisions,
  missingUndo,
  unusedOutputs,
];

/**
 * What a resolved playbook says that is allowed by the language and yet dangerous (errors) or probably not meant (warnings).
 * @param playbook as the compiler resolved it, with the actions of the catalogue and the places of its steps in the file.
 */
export function lintPlaybook(playbook: Omit<Linted, 'steps'>): Finding[] {
  const linted = { ...playbook, steps: stood(playbook.playbook) };
  return rules.flatMap((rule) => rule(linted));
}
