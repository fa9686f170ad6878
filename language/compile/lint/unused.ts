import type { Expression, Step } from '../../run/playbook.ts';
import type { Finding } from '../problem.ts';
import { expressionsIn, expressionsOf, names, outputsRead } from './expressions.ts';
import { warning, type Linted, type Rule } from './rule.ts';

/** Values, outputs and answers that nothing reads. */
export const unusedOutputs: Rule = (linted) => {
  const expressions = allExpressions(linted);
  const read = new Set(
    expressions.flatMap((expression) =>
      outputsRead(expression).map(({ step, output }) => `${step} ${output}`),
    ),
  );
  const isRead = (step: string, output: string): boolean =>
    read.has(`${step} ${output}`) || read.has(`${step} *`);
  return linted.steps.flatMap(({ step }): Finding[] => {
    const { key, outputs } = outputsOf(step);
    // A round reads what the one before put out, by a name that only `last` knows.
    if (step.kind === 'while' && expressions.some((expression) => names(expression).has('last'))) return [];
    if (step.kind === 'foreach' && isRead(step.id, 'items')) return [];
    return outputs
      .filter((name) => !isRead(step.id, name))
      .map((name) =>
        warning(
          'FB2195',
          [...linted.placeOf(step.id, key), ...(step.kind === 'ask' ? ['fields', name] : [name])],
          `nothing reads steps.${step.id}.outputs.${name}`,
          step.kind === 'ask'
            ? 'use the answer in a step after it, or do not ask for it'
            : 'use it, or remove it',
        ),
      );
  });
};

function outputsOf(step: Step): { key: string; outputs: string[] } {
  switch (step.kind) {
    case 'set':
      return { key: 'set', outputs: Object.keys(step.values) };
    case 'ask':
      return { key: 'ask', outputs: Object.keys(step.fields) };
    case 'parallel':
    case 'switch':
    case 'while':
    case 'foreach':
      return { key: 'outputs', outputs: Object.keys(step.outputs) };
    default:
      return { key: '', outputs: [] };
  }
}

function allExpressions({ playbook, steps }: Linted): Expression[] {
  return [
    ...steps.flatMap(({ step }) => [...expressionsOf(step)]),
    ...Object.values(playbook.outputs ?? {}).flatMap((output) => [...expressionsIn(output)]),
  ];
}
