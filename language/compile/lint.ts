import type { ActionSignature } from '../../domain/action.ts';
import type { Finding } from './problem.ts';
import type { SourceFile } from './shape.ts';
import { walkSource } from './source/walk.ts';

/** What is allowed and yet probably not meant. */
export function lint(
  file: SourceFile,
  actions: ReadonlyMap<string, ActionSignature>,
  usedInputs: ReadonlySet<string>,
): Finding[] {
  const findings: Finding[] = [];
  const warn = (finding: Omit<Finding, 'severity'>): void => {
    findings.push({ ...finding, severity: 'warning' });
  };
  if (file.description === undefined)
    warn({
      code: 'FB2092',
      path: ['name'],
      message: 'the playbook has no description',
      fix: 'add description: when to use it, in a sentence',
    });
  for (const name of Object.keys(file.inputs ?? {}))
    if (!usedInputs.has(name))
      warn({
        code: 'FB2091',
        path: ['inputs', name],
        atKey: true,
        message: `the input "${name}" is never used`,
        fix: `use inputs.${name} in a step, or remove it`,
      });
  for (const { step, path } of walkSource(file)) {
    const action = actions.get(step.uses ?? '');
    if (action === undefined || action.effect === 'read') continue;
    if (step.approve !== undefined || step.phase !== undefined) continue;
    warn({
      code: 'FB2090',
      path: [...path, 'uses'],
      message: `${action.name} changes the world and says nothing of approval: it runs with the default approval`,
      fix: 'add approve: { from: [responders], within: 15m }',
    });
  }
  return findings;
}
