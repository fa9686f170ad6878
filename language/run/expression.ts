import type { Json } from '../../domain/json.ts';
import { createEvaluator, ExpressionError } from './cel.ts';
import type { Expression, Scope, Template } from './playbook.ts';

export { ExpressionError } from './cel.ts';

/** Most characters of JSON that a rendered template may have: it travels in a workflow's history. */
const maxRendered = 256 * 1024;

/** The names at the top of a playbook's expressions. Those after `steps` have a value in some places only. */
const roots = [
  'inputs',
  'alert',
  'incident',
  'steps',
  'item',
  'index',
  'round',
  'last',
  'reading',
  'failure',
] as const satisfies readonly (keyof Scope)[];

const evaluator = createEvaluator(roots);

/** Reads an expression without evaluating it. @throws ExpressionError */
export function parse(cel: string): ReturnType<typeof evaluator.parse> {
  return evaluator.parse(cel);
}

/**
 * The value of an expression. Runs inside a workflow: pure and deterministic.
 * @throws ExpressionError, and nothing else.
 */
export function evaluate(expression: Expression, scope: Scope): Json {
  return parse(expression.cel).run({ ...scope });
}

/** Whether a condition holds. @throws ExpressionError, also when the value is neither true nor false. */
export function condition(expression: Expression, scope: Scope): boolean {
  const value = evaluate(expression, scope);
  if (typeof value === 'boolean') return value;
  throw new ExpressionError(expression.cel, `a condition is true or false, and this is ${kindOf(value)}`);
}

/**
 * Fills in a template. What an expression yields is a value and is never read as a template again.
 * @throws ExpressionError, also when a list, a map or null stands inside a text.
 */
export function render(template: Template, scope: Scope): Json {
  const value = fill(template, scope);
  if (JSON.stringify(value).length > maxRendered)
    throw new ExpressionError(
      '',
      `the values of \`with\` are together larger than ${maxRendered} characters`,
    );
  return value;
}

function fill(template: Template, scope: Scope): Json {
  if ('literal' in template) return template.literal;
  if ('cel' in template) return evaluate(template, scope);
  if ('concat' in template) return template.concat.map((part) => renderText(part, scope)).join('');
  if ('list' in template) return template.list.map((item) => fill(item, scope));
  const entries = Object.entries(template.map).filter(([, item]) => !isLeftOut(item, scope));
  return Object.fromEntries(entries.map(([key, item]) => [key, fill(item, scope)] as const));
}

/** Whether a key of a map is left out: its value is an input that was not given. */
export function isLeftOut(template: Template, { inputs }: Scope): boolean {
  return 'ifGiven' in template && !Object.hasOwn(inputs, template.ifGiven);
}

function renderText(part: Template, scope: Scope): string {
  const value = fill(part, scope);
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const cel = 'cel' in part ? part.cel : '';
  throw new ExpressionError(cel, `${kindOf(value)} cannot stand inside a text`);
}

function kindOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`;
}
