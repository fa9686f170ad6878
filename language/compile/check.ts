import type { Environment } from '@marcbachmann/cel-js';
import { createEnvironment } from '../run/cel.ts';
import { ExpressionError, parse } from '../run/expression.ts';
import { suggest, type Finding } from './problem.ts';
import { followReferences, type SecretUse } from './references.ts';
import { rootsOf, type View } from './scope-shape.ts';
import type { Found } from './template.ts';
import { convertWhole, isWhole } from './whole.ts';
import { declared, ofType, type Declared, type Shape } from './value-shape.ts';
import type { Visibility } from './visibility.ts';

/** What is known of an expression: its CEL type, what it yields as JSON, what it uses, and what is wrong with it. */
export interface Checked {
  /** What is frozen: the text as it is written, but for whole numbers where CEL needs ints. */
  cel: string;
  type: string;
  shape: Shape;
  inputs: ReadonlySet<string>;
  /** Ids of the steps that it asks about. */
  steps: ReadonlySet<string>;
  secrets: readonly SecretUse[];
  findings: Finding[];
}

/**
 * Checks expressions of one playbook: syntax, names, types.
 * @returns a function; its `place` turns an offset in the expression into one in the file.
 */
export function createExpressionChecker(
  visibility: Visibility,
): (found: Found, view: View, place: (index: number) => number) => Checked {
  const environmentFor = createEnvironments();
  return ({ cel, path }, view, place) => {
    const fault = (code: Finding['code'], start: number, message: string, fix: string): Finding => ({
      code,
      path,
      offset: place(start),
      message,
      fix,
    });
    const read = parsed(cel, view);
    if ('error' in read) return unknown(cel, [fault(...read.error)]);
    const { wrong, inputs, steps, roots, secrets, maps, whole, shape } = followReferences(
      read.ast,
      view,
      visibility,
    );
    if (wrong.length > 0) {
      const findings = wrong.map(({ code, start, message, fix }) => fault(code, start, message, fix));
      return unknown(cel, findings, inputs);
    }
    const environment = environmentFor(view, roots, steps, maps);
    let frozen = { cel, placeOf: (offset: number): number => offset };
    let result = environment.check(cel);
    // Only what does not stand as it is written: what was frozen before stays, and so does its digest.
    if (!result.valid) {
      frozen = convertWhole(cel, read.ast, whole);
      const again = parsed(frozen.cel, view);
      if ('error' in again) {
        const [code, start, message, fix] = again.error;
        return unknown(cel, [fault(code, frozen.placeOf(start), message, fix)], inputs);
      }
      result = environment.check(frozen.cel);
    }
    if (result.valid) {
      const type = result.type ?? 'dyn';
      const yields = shape ?? (isWhole(read.ast, whole) ? 'int' : ofType(type));
      return { cel: frozen.cel, type, shape: yields, inputs, steps, secrets, findings: [] };
    }
    const { summary = 'the types do not fit', range } = result.error ?? {};
    const start = frozen.placeOf(range?.start ?? 0);
    return unknown(cel, [fault('FB2041', start, mapsNamed(summary), conversions)], inputs);
  };
}

const conversions = 'make the types agree: int(…), double(…) and string(…) convert';

/** The checker calls a map whose fields it knows by where it stands: `$steps.a.outputs`. */
function mapsNamed(summary: string): string {
  return summary.replaceAll(/\$[\w.]+/g, 'map');
}

/** What is known of an expression that is wrong. */
function unknown(cel: string, findings: Finding[], inputs: ReadonlySet<string> = new Set()): Checked {
  return { cel, type: 'dyn', shape: 'dyn', inputs, steps: new Set(), secrets: [], findings };
}

/** Environments with what an expression uses and no more: making one takes milliseconds, and most expressions ask about the same. */
function createEnvironments(): (
  view: View,
  roots: ReadonlySet<string>,
  steps: ReadonlySet<string>,
  maps: ReadonlySet<Shape>,
) => Environment {
  const environments = new Map<string, Environment>();
  return (view, roots, steps, maps) => {
    const variables = Object.entries(rootsOf(view))
      .filter(([root]) => roots.has(root))
      .map(([root, shape]): [string, Declared] => [root, declaredRoot(root, shape, steps, maps)]);
    const key = JSON.stringify(variables);
    const known = environments.get(key);
    if (known !== undefined) return known;
    const environment = createEnvironment()
      .registerOperator('double in list<int>', neverEvaluated)
      .registerOperator('int in list<double>', neverEvaluated);
    for (const [root, type] of variables) declare(environment, root, type);
    environments.set(key, environment);
    return environment;
  };
}

/** Of the steps only those that the expression asks about: there may be hundreds. */
function declaredRoot(
  root: string,
  shape: Shape,
  steps: ReadonlySet<string>,
  maps: ReadonlySet<Shape>,
): Declared {
  if (root !== 'steps' || typeof shape !== 'object' || !('fields' in shape)) return declared(shape, maps);
  const used = Object.entries(shape.fields).filter(([id]) => steps.has(id));
  return declared({ fields: Object.fromEntries(used) }, maps);
}

/** The evaluator finds these by itself, with types it cannot see; only the checker must be told. */
function neverEvaluated(): boolean {
  throw new TypeError('the checker does not evaluate');
}

function parsed(
  cel: string,
  view: View,
): { ast: ReturnType<typeof parse>['ast'] } | { error: [Finding['code'], number, string, string] } {
  if (cel === '')
    return { error: ['FB2040', 0, 'the expression is empty', 'write an expression, such as inputs.cluster'] };
  try {
    return parse(cel);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { reason, range, unknown } = error;
    const start = range?.start ?? 0;
    if (unknown === undefined) return { error: ['FB2040', start, reason, 'correct the expression here'] };
    const here = Object.keys(rootsOf(view));
    // Names of other places are no suggestion here.
    const known = unknown.known.includes('inputs') ? here : unknown.known;
    const message =
      known === here ? `nothing is called "${unknown.name}" here; there are ${here.join(', ')}` : reason;
    return { error: ['FB2042', start, message, suggest(unknown.name, known)] };
  }
}

function declare(environment: Environment, name: string, type: Declared): void {
  if (typeof type === 'string') environment.registerVariable(name, type);
  // The library has no type without fields.
  else if (Object.keys(type).length === 0) environment.registerVariable(name, 'map<string, dyn>');
  else environment.registerVariable({ name, schema: type });
}
