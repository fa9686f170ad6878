import type { Environment } from '@marcbachmann/cel-js';
import { createEnvironment } from '../run/cel.ts';
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
 * Checks expressions of one playbook: syntax, names, types.
 * @returns a function; its `place` turns an offset in the expression into one in the file.
 */
export function createExpressionChecker(): (
  found: Found,
  around: Surroundings,
  place: (index: number) => number,
) => Checked {
  // Making an environment takes milliseconds, and most expressions ask about the same few steps.
  const environments = new Map<string, Environment>();
  const environmentFor = (around: Surroundings, steps: ReadonlySet<string>): Environment => {
    const key = [...steps].toSorted().join(' ');
    const known = environments.get(key);
    if (known !== undefined) return known;
    const environment = createEnvironment()
      .registerOperator('double in list<int>', neverEvaluated)
      .registerOperator('int in list<double>', neverEvaluated);
    for (const [root, shape] of Object.entries(scopeShape(around, steps))) declare(environment, root, shape);
    environments.set(key, environment);
    return environment;
  };
  return ({ cel, path }, around, place) => {
    const fault = (code: Finding['code'], start: number, message: string, fix: string): Finding => ({
      code,
      path,
      offset: place(start),
      message,
      fix,
    });
    const read = parsed(cel);
    if ('error' in read) return { type: 'dyn', inputs: new Set(), findings: [fault(...read.error)] };
    const { wrong, inputs, steps } = followReferences(read.ast, around);
    if (wrong.length > 0) {
      const findings = wrong.map(({ code, start, message, fix }) => fault(code, start, message, fix));
      return { type: 'dyn', inputs, findings };
    }
    const result = environmentFor(around, steps).check(cel);
    if (result.valid) return { type: result.type ?? 'dyn', inputs, findings: [] };
    const { summary = 'the types do not fit', range } = result.error ?? {};
    return {
      type: 'dyn',
      inputs,
      findings: [fault('FB2041', range?.start ?? 0, summary, 'make the types agree')],
    };
  };
}

/** The evaluator finds these by itself, with types it cannot see; only the checker must be told. */
function neverEvaluated(): boolean {
  throw new TypeError('the checker does not evaluate');
}

function parsed(
  cel: string,
): { ast: ReturnType<typeof parse>['ast'] } | { error: [Finding['code'], number, string, string] } {
  if (cel === '')
    return { error: ['FB2040', 0, 'the expression is empty', 'write an expression, such as inputs.cluster'] };
  try {
    return parse(cel);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { reason, range, unknown } = error;
    return unknown === undefined
      ? { error: ['FB2040', range?.start ?? 0, reason, 'correct the expression here'] }
      : { error: ['FB2042', range?.start ?? 0, reason, suggest(unknown.name, unknown.known)] };
  }
}

function declare(environment: Environment, name: string, shape: Shape): void {
  if (typeof shape === 'string') environment.registerVariable(name, shape);
  // The library has no type without fields.
  else if (Object.keys(shape).length === 0) environment.registerVariable(name, 'map<string, dyn>');
  else environment.registerVariable({ name, schema: shape });
}
