import type { ActionSignature } from '../../domain/action.ts';
import type { ActionStep } from '../run/playbook.ts';
import type { Finding, Path } from './problem.ts';
import type { SourceStep } from './source/step.ts';

/**
 * `never` unless the action can be undone and is not there to contain: a later failure must not free an attacker. `ask` where the undo brings back what
 * the change was made against.
 */
export function undoOf(step: SourceStep, action: ActionSignature): ActionStep['undo'] {
  if (step.undo !== undefined) return step.undo;
  if (action.effect !== 'reversible') return 'never';
  return action.undoApproval === 'own' ? 'ask' : 'on-failure';
}

/** What a step may say, given what its action does. */
export function ruleFindings(step: SourceStep, action: ActionSignature, path: Path): Finding[] {
  const findings: Finding[] = [];
  const isUndone = step.undo === 'on-failure' || step.undo === 'ask';
  if (step.undo === 'on-failure' && action.undoApproval === 'own')
    findings.push({
      code: 'FB2058',
      path: [...path, 'undo'],
      message: `the undo of ${action.name} brings back what it was made against, and needs an approval of its own`,
      fix: 'write undo: ask, or undo: never',
    });
  if (isUndone && action.effect === 'contain')
    findings.push({
      code: 'FB2050',
      path: [...path, 'undo'],
      message: `${action.name} contains, and a later failure must not free what it holds`,
      fix: 'write undo: never',
    });
  if (isUndone && (action.effect === 'irreversible' || action.effect === 'read'))
    findings.push({
      code: 'FB2051',
      path: [...path, 'undo'],
      message: `${action.name} ${action.effect === 'read' ? 'changes nothing' : 'cannot be undone'}`,
      fix: 'write undo: never, or remove it',
    });
  if (step.hold !== undefined && !action.holds)
    findings.push({
      code: 'FB2052',
      path: [...path, 'hold'],
      atKey: true,
      message: `${action.name} holds nothing`,
      fix: 'remove hold',
    });
  if (step.approve === undefined && step.phase === undefined && action.effect === 'irreversible')
    findings.push({
      code: 'FB2053',
      path: [...path, 'uses'],
      message: `${action.name} cannot be undone, and nobody is asked`,
      fix: 'add approve: { from: [responders], within: 15m }',
    });
  return findings;
}
