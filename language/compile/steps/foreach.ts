import type { Json } from '../../../domain/json.ts';
import type { Template } from '../../run/playbook.ts';
import { nowhere } from '../expressions.ts';
import type { Path } from '../problem.ts';
import type { View } from '../scope-shape.ts';
import type { Session } from '../session.ts';
import { fields, typeName, type Shape } from '../value-shape.ts';
import type { MakeStep } from './made.ts';
import { compileOutputs } from './outputs.ts';
import { repeated } from './repeats.ts';

export const makeForeach: MakeStep<'foreach' | 'max-items' | 'steps'> = (session, step, path, view) => {
  const { template, item } = itemsOf(session, step.foreach, [...path, 'foreach'], view);
  if (Array.isArray(step.foreach) && step.foreach.length > step['max-items'])
    session.findings.push({
      code: 'FB2017',
      path: [...path, 'foreach'],
      message: `the list has ${step.foreach.length} items, more than max-items`,
      fix: `raise max-items to ${step.foreach.length}, or shorten the list`,
    });
  const within = {
    ...repeated(session, view, step['max-items'], [...path, 'max-items']),
    names: { ...view.names, item, index: 'int' },
  };
  const list = session.compileList(step.steps, [...path, 'steps'], within);
  const { templates, shapes } = compileOutputs(session, step, path, within, [list]);
  return {
    body: {
      kind: 'foreach',
      items: template,
      maxItems: step['max-items'],
      maxParallel: step['max-parallel'] ?? 1,
      steps: list.steps,
      outputs: templates,
    },
    outputs: fields({
      items: { list: fields(shapes) },
      count: 'int',
      succeeded: 'int',
      failed: 'int',
    }),
    irreversible: list.irreversible,
  };
};

function itemsOf(
  session: Session,
  source: string | Json[],
  path: Path,
  view: View,
): { template: Template; item: Shape } {
  if (typeof source !== 'string') {
    const { template, shape } = session.expressions.template(source, path, view, nowhere);
    return { template, item: typeof shape === 'object' && 'list' in shape ? shape.list : 'dyn' };
  }
  const { expression, shape } = session.expressions.whole(source, path, view, 'expression');
  if (typeof shape === 'object' && 'list' in shape) return { template: expression, item: shape.list };
  if (!['dyn', 'secret'].includes(typeName(shape)))
    session.findings.push({
      code: 'FB2047',
      path,
      message: `foreach must be a list, and the expression yields ${typeName(shape)}`,
      fix: 'use a list, such as an input of type list, or texts.split(",")',
    });
  return { template: expression, item: 'dyn' };
}
