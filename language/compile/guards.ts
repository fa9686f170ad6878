import type { ASTNode } from '@marcbachmann/cel-js';
import { ExpressionError, parse } from '../run/expression.ts';
import type { Expression } from '../run/playbook.ts';
import type { View } from './scope-shape.ts';

/** What is seen where a condition holds: an input of which it asks `has(inputs.x)` was given, and inputs never change. */
export function guarded(view: View, condition: Expression | undefined): View {
  if (condition === undefined || view.absent.size === 0) return view;
  try {
    return { ...view, absent: without(view.absent, asked(parse(condition.cel).ast)) };
  } catch (error) {
    // What cannot be read guards nothing, and was reported where it stands.
    if (error instanceof ExpressionError) return view;
    throw error;
  }
}

/** The inputs that are there whenever the whole holds. */
function asked(node: ASTNode): Set<string> {
  if (node.op === '&&') return new Set([...asked(node.args[0]), ...asked(node.args[1])]);
  if (node.op !== 'call' || node.args[0] !== 'has') return new Set();
  const [field] = node.args[1];
  if (field?.op !== '.' || field.args[0].op !== 'id' || field.args[0].args !== 'inputs') return new Set();
  return new Set([field.args[1]]);
}

function without(names: ReadonlySet<string>, given: ReadonlySet<string>): Set<string> {
  return new Set([...names].filter((name) => !given.has(name)));
}
