import type { ASTNode } from '@marcbachmann/cel-js';
import { children } from '../run/syntax.ts';
import { suggest } from './problem.ts';
import { scopeShape, type Shape, type Surroundings } from './scope-shape.ts';

/** A name in an expression that leads nowhere. `start` is an offset in the expression. */
export interface Misreference {
  code: 'FB2042' | 'FB2043';
  start: number;
  message: string;
  fix: string;
}

/** Follows every `inputs.x`, `alert.x` and `steps.x.y` of an expression, and collects the steps it asks about. */
export function followReferences(
  ast: ASTNode,
  around: Surroundings,
): { wrong: Misreference[]; inputs: Set<string>; steps: Set<string> } {
  const wrong: Misreference[] = [];
  const inputs = new Set<string>();
  const steps = new Set<string>();
  const shape = scopeShape(around, around.steps.keys());

  /** The shape of what a node yields, as far as it is a path from a root. */
  const follow = (node: ASTNode): Shape | undefined => {
    if (node.op === 'id') return Object.hasOwn(shape, node.args) ? shape[node.args] : undefined;
    if (node.op !== '.' && node.op !== '[]') {
      for (const child of children(node)) if (isSteps(follow(child))) wrong.push(bareSteps(child));
      return undefined;
    }
    const left = follow(node.args[0]);
    const name = fieldName(node);
    if (node.op === '[]' && isSteps(follow(node.args[1]))) wrong.push(bareSteps(node.args[1]));
    if (name === undefined) {
      if (isSteps(left)) wrong.push(bareSteps(node.args[0]));
      return undefined;
    }
    if (typeof left !== 'object') return undefined;
    const start = node.op === '.' ? node.end - name.length : node.args[1].start;
    const path = pathOf(node.args[0]);
    if (!Object.hasOwn(left, name)) {
      const message = `${path} has no "${name}"`;
      wrong.push({ code: 'FB2042', start, message, fix: suggest(name, Object.keys(left)) });
      return undefined;
    }
    if (left === shape['inputs']) inputs.add(name);
    if (left === shape['steps']) {
      steps.add(name);
      if (name === around.step)
        wrong.push({
          code: 'FB2043',
          start,
          message: 'a step knows nothing of itself before it begins',
          fix: 'remove this, or ask about another step',
        });
      else if (!around.ancestors.has(name))
        wrong.push({
          code: 'FB2043',
          start,
          message: `the step "${name}" need not be done when this one begins`,
          fix: `add "${name}" to this step's needs`,
        });
    }
    return left[name];
  };
  const isSteps = (found: Shape | undefined): boolean => found !== undefined && found === shape['steps'];

  if (isSteps(follow(ast))) wrong.push(bareSteps(ast));
  return { wrong, inputs, steps };
}

function bareSteps(node: ASTNode): Misreference {
  return {
    code: 'FB2042',
    start: node.start,
    message: '`steps` can only be followed by the id of a step',
    fix: 'write steps.<id>.status, steps.<id>.verdict or steps.<id>.outputs',
  };
}

function fieldName(node: ASTNode): string | undefined {
  if (node.op === '.') return node.args[1];
  if (node.op !== '[]') return undefined;
  const index = node.args[1];
  return index.op === 'value' && typeof index.args === 'string' ? index.args : undefined;
}

function pathOf(node: ASTNode): string {
  if (node.op === 'id') return node.args;
  const name = fieldName(node);
  return (node.op === '.' || node.op === '[]') && name !== undefined ? `${pathOf(node.args[0])}.${name}` : '';
}
