import type { ActionSignature } from '../../../domain/action.ts';
import type { ChildPlaybook } from '../../run/playbook.ts';
import type { Finding, Path } from '../problem.ts';
import type { SourceFile } from '../shape.ts';
import { walkSource } from '../source/walk.ts';
import { lintPlaybook } from './index.ts';

/** Lints a playbook that was compiled from a file. `children`: those that it runs, at whatever depth. */
export function lintFile(
  file: SourceFile,
  playbook: ChildPlaybook,
  children: { [id: string]: ChildPlaybook },
  actions: ReadonlyMap<string, ActionSignature>,
): Finding[] {
  const walked = [...walkSource(file)];
  const places = new Map<string, Path>(walked.map(({ step, path }) => [step.id, path]));
  const keptOnPurpose = new Set(
    walked.filter(({ step }) => 'undo' in step && step.undo === 'never').map(({ step }) => step.id),
  );
  const placeOf = (step: string, key?: string): Path => [
    ...(places.get(step) ?? []),
    ...(key === undefined ? [] : [key]),
  ];
  return lintPlaybook({ playbook, children, actions, placeOf, keptOnPurpose });
}
