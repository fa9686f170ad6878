import type { Playbook } from '../../run/playbook.ts';
import type { Finding } from '../problem.ts';
import { collisions } from './collisions.ts';
import { containFirst, containmentMayFail, containmentOnFailure } from './containment.ts';
import { evidenceFirst } from './evidence.ts';
import { changeInForeach, changeInWhile, sameForEach } from './loops.ts';
import { stood, type PlaceOf, type Rule } from './rule.ts';
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
 * @param placeOf where a step stands in the file.
 */
export function lintPlaybook(playbook: Playbook, placeOf: PlaceOf): Finding[] {
  const linted = { playbook, placeOf, steps: stood(playbook) };
  return rules.flatMap((rule) => rule(linted));
}
