import { Environment } from '@marcbachmann/cel-js';
import { celOptions } from '../run/cel.ts';
import { ExpressionError, parse } from '../run/expression.ts';
import { suggest, type Finding } from './problem.ts';
import { followReferences } from './references.ts';
import { scopeShape, type Shape, type Surroundings } from './scope-shape.ts';
import type { Found } from './template.ts';

/** What is known of an expression: its CEL type (`dyn` when anything), the inputs it uses, and what is wrong with it. */
export interface Checked {
  type: string;
  inputs: ReadonlySet<string>;
  findings: Finding[];
}

/**
 * Checks one expression: its syntax, its names, its types.
 * @param place turns an offset in the expression into one in the file.
 */
export function checkExpression(
  { cel, path }: Found,
  around: Surroundings,
  place: (index: number) => number,
): Checked {
  const fail = (code: Finding['code'], start: number, message: string, fix: string): Checked => ({
    type: 'dyn',
    inputs: new Set(),
    findings: [{ code, path, offset: place(start), message, fix }],
  });
  if (cel === '')
    return fail('FB2040', 0, 'the expression is empty', 'write an expression, such as inputs.cluster');
  let ast: ReturnType<typeof parse>['ast'];
  try {
    ({ ast } = parse(cel));
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { reason, range, unknown } = error;
    return unknown === undefined
      ? fail('FB2040', range?.start ?? 0, reason, 'correct the expression here')
      : fail('FB2042', range?.start ?? 0, reason, suggest(unknown.name, unknown.known));
  }
  const { wrong, inputs, steps } = followReferences(ast, around);
  if (wrong.length > 0)
    return {
      type: 'dyn',
      inputs,
      findings: wrong.map(({ code, start, message, fix }) => ({
        code,
        path,
        offset: place(start),
        message,
        fix,
      })),
    };
  const environment = new Environment(celOptions);
  for (const [root, shape] of Object.entries(scopeShape(around, steps))) declare(environment, root, shape);
  const result = environment.check(cel);
  if (result.valid) return { type: result.type ?? 'dyn', inputs, findings: [] };
  const numbers = /double|int/.test(result.error?.summary ?? '');
  return fail(
    'FB2041',
    result.error?.range?.start ?? 0,
    result.error?.summary ?? 'the types do not fit',
    numbers
      ? 'make the types agree; numbers of inputs, alerts and outputs are doubles: write 1.0, or int(…)'
      : 'make the types agree',
  );
}

function declare(environment: Environment, name: string, shape: Shape): void {
  if (typeof shape === 'string') environment.registerVariable(name, shape);
  // The library has no type without fields.
  else if (Object.keys(shape).length === 0) environment.registerVariable(name, 'map<string, dyn>');
  else environment.registerVariable({ name, schema: shape });
}
