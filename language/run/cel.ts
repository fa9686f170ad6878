import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import type { Json, JsonObject } from '../../domain/json.ts';
import { admit, SyntaxRefused, walk, type UnknownName } from './syntax.ts';
import { toCel, toJson, ValueError, Weights } from './value.ts';

/** Longest expression, in characters. */
const maxExpression = 4096;
/** Steps an evaluation may take: a value looked at costs its size. Far below Temporal's two seconds for a workflow task. */
const maxSteps = 1_000_000;
/** An error is an object with a stack: dearer than most values, and `exists` collects them. */
const failureSteps = 50;
const maxCached = 512;
const maxReason = 300;

const celOptions = {
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: 1000, maxDepth: 50, maxListElements: 200, maxMapEntries: 200, maxCallArguments: 8 },
};

/**
 * An environment in which doubles and ints calculate and compare with each other, as `inputs.count + 1` must: JSON's numbers are
 * doubles here, and CEL by itself mixes only what it cannot see the type of. The result is a double.
 */
export function createEnvironment(): Environment {
  const environment = new Environment(celOptions);
  const arithmetic: [string, (left: number, right: number) => number][] = [
    ['+', (left, right) => left + right],
    ['-', (left, right) => left - right],
    ['*', (left, right) => left * right],
    ['/', (left, right) => left / right],
  ];
  // The result's type is said: the library would take the left operand's, and `1 + inputs.count == 3` would be false of a count of 2.
  for (const [operator, work] of arithmetic) {
    environment.registerOperator(`double ${operator} int: double`, (left: number, right: bigint) =>
      work(left, Number(right)),
    );
    environment.registerOperator(`int ${operator} double: double`, (left: bigint, right: number) =>
      work(Number(left), right),
    );
  }
  // Brings `!=` and the other order with it.
  environment.registerOperator('double == int', (left: number, right: bigint) => left === Number(right));
  return environment;
}

/** An expression that cannot be read or has no usable value. `range`: offsets in the expression, when the fault has a place;
 * `unknown`: when the fault is a name. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  readonly expression: string;
  readonly reason: string;
  readonly range: { start: number; end: number } | undefined;
  readonly unknown: UnknownName | undefined;
  constructor(
    expression: string,
    reason: string,
    range?: { start: number; end: number },
    unknown?: UnknownName,
  ) {
    const short = clip(reason);
    super(expression === '' ? short : `${short}, in the expression \`${clip(expression)}\``);
    this.expression = expression;
    this.reason = short;
    this.range = range;
    this.unknown = unknown;
  }
}

/** Evaluates expressions over a scope with fixed top-level names. */
export interface Evaluator {
  /**
   * Reads an expression and checks it as far as is possible without its scope. Pure, no clock, no randomness, no I/O.
   * @throws ExpressionError
   */
  parse(cel: string): Program;
}

export interface Program {
  ast: ASTNode;
  /** The value, as JSON. @throws ExpressionError */
  run(scope: JsonObject): Json;
}

/** An evaluator whose expressions see `roots` and nothing else. Parsed expressions are kept: reading costs ten times evaluating. */
export function createEvaluator(roots: readonly string[]): Evaluator {
  const environment = createEnvironment();
  for (const root of roots) environment.registerVariable(root, 'dyn');
  const programs = new Map<string, Program>();
  return {
    parse(cel) {
      const known = programs.get(cel);
      if (known !== undefined) return known;
      const program = compile(environment, roots, cel);
      const oldest = programs.keys().next();
      if (programs.size >= maxCached && oldest.done !== true) programs.delete(oldest.value);
      programs.set(cel, program);
      return program;
    },
  };
}

function compile(environment: Environment, roots: readonly string[], cel: string): Program {
  if (cel.length > maxExpression)
    throw new ExpressionError(cel, `the expression is longer than ${maxExpression} characters`);
  const meter = new Meter();
  const used = new Set<string>();
  const parsed = guarded(cel, () => {
    const program = environment.parse(cel);
    admit(program.ast, roots);
    const checked = program.check();
    if (!checked.valid) throw checked.error ?? new ValueError('the expression does not check');
    walk(program.ast, (node, parent) => {
      if (node.op === 'id' && roots.includes(node.args)) used.add(node.args);
      meter.attach(node, (parent?.op === '.' || parent?.op === '[]') && parent.args[0] === node);
    });
    return program;
  });
  return {
    ast: parsed.ast,
    run: (scope) =>
      guarded(cel, () => {
        const weights = meter.start();
        const context: Record<string, unknown> = {};
        // A name that has no value here stays unknown: null would pass for a value.
        for (const root of used) if (scope[root] !== undefined) context[root] = toCel(scope[root], weights);
        try {
          return toJson(parsed(context));
        } finally {
          meter.settle();
        }
      }),
  };
}

/**
 * Counts what an evaluation does. The library has limits for the text only, and `list.map` within `list.map` over an attacker's
 * fields needs no long text. It calls `node.evaluate`, and replaces that on first use: hence the accessor.
 */
class Meter {
  #left = maxSteps;
  #weights = new Weights();

  start(): Weights {
    this.#left = maxSteps;
    this.#weights = new Weights();
    return this.#weights;
  }

  /** `||`, `&&` and `exists` forgive errors of one side; running out is never forgiven. */
  settle(): void {
    if (this.#left < 0) throw new ValueError(`the expression takes more than ${maxSteps} steps on this data`);
  }

  /** `opened`: the node's value is only asked for one of its fields, which costs the same whatever its size. */
  attach(node: ASTNode, opened: boolean): void {
    const first: unknown = Reflect.get(node, 'evaluate');
    if (typeof first !== 'function') throw new TypeError('the CEL library no longer evaluates node by node');
    let resolved: unknown;
    const metered = (...parameters: unknown[]): unknown => {
      // The first call resolves the method through the setter below and comes back here, so that it is counted once.
      if (typeof resolved !== 'function') return Reflect.apply(first, node, parameters);
      this.settle();
      let cost = failureSteps;
      try {
        const value: unknown = Reflect.apply(resolved, node, parameters);
        cost = opened ? 1 : this.#weights.of(value);
        return value;
      } finally {
        this.#left -= cost;
      }
    };
    Object.defineProperty(node, 'evaluate', {
      get: () => metered,
      set: (method: unknown) => {
        resolved = method;
      },
    });
  }
}

function guarded<T>(cel: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpressionError) throw error;
    if (error instanceof SyntaxRefused)
      throw new ExpressionError(cel, error.message, { start: error.start, end: error.end }, error.unknown);
    if (error instanceof ValueError) throw new ExpressionError(cel, error.message);
    throw new ExpressionError(cel, summaryOf(error), rangeOf(error));
  }
}

/** The library's errors carry a `summary` without its drawing of the text. */
function summaryOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the expression failed';
  const summary: unknown = Reflect.get(error, 'summary');
  return typeof summary === 'string' ? summary : error.message;
}

function rangeOf(error: unknown): { start: number; end: number } | undefined {
  const range: unknown = error instanceof Error ? Reflect.get(error, 'range') : undefined;
  if (typeof range !== 'object' || range === null || !('start' in range && 'end' in range)) return undefined;
  const { start, end } = range;
  return typeof start === 'number' && typeof end === 'number' ? { start, end } : undefined;
}

/** One line of bounded length: reasons quote values, and values are an attacker's. */
function clip(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').toWellFormed();
  return line.length <= maxReason ? line : `${line.slice(0, maxReason).toWellFormed()}…`;
}
