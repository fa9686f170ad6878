import type { ASTNode } from '@marcbachmann/cel-js';
import type { Json } from '../../../domain/json.ts';
import { evaluate, parse } from '../../run/expression.ts';
import type { Expression, Step, Template } from '../../run/playbook.ts';
import { walk } from '../../run/syntax.ts';

/** The value of an expression that asks for nothing, and so is always the same; undefined for all others. */
export function constant(expression: Expression): { value: Json } | undefined {
  if (names(expression).size > 0) return undefined;
  try {
    return { value: evaluate(expression, { inputs: {}, alert: {}, incident: {}, steps: {} }) };
  } catch {
    // It has no value, which is for the compiler to say.
    return undefined;
  }
}

/** The expressions of a template. */
export function* expressionsIn(template: Template): Generator<Expression> {
  if ('cel' in template) yield template;
  else if ('concat' in template) for (const part of template.concat) yield* expressionsIn(part);
  else if ('list' in template) for (const part of template.list) yield* expressionsIn(part);
  else if ('map' in template) for (const part of Object.values(template.map)) yield* expressionsIn(part);
}

/** The expressions that a step says itself; those inside it are theirs. */
export function* expressionsOf(step: Step): Generator<Expression> {
  if (step.if !== undefined) yield step.if;
  if (step.kind === 'while') yield step.condition;
  if (step.kind === 'switch') yield step.on;
  if (step.kind === 'wait' && step.until !== undefined) yield step.until.condition;
  for (const template of templatesOf(step)) yield* expressionsIn(template);
}

function templatesOf(step: Step): Template[] {
  switch (step.kind) {
    case 'action':
    case 'playbook':
      return [step.with];
    case 'foreach':
      return [step.items, ...Object.values(step.outputs)];
    case 'parallel':
    case 'switch':
    case 'while':
      return Object.values(step.outputs);
    case 'wait':
      return step.until === undefined ? [] : [step.until.with];
    case 'approve':
    case 'ask':
      return [step.question];
    case 'set':
      return Object.values(step.values);
    case 'fail':
      return [step.message];
    case 'end':
      return [step.why];
    default:
      return step satisfies never;
  }
}

/** Every identifier of an expression: the roots it asks for, and the variables of its comprehensions. */
export function names(expression: Expression): Set<string> {
  const found = new Set<string>();
  walk(parse(expression.cel).ast, (node) => {
    if (node.op === 'id') found.add(node.args);
  });
  return found;
}

/** What an expression reads of outputs: step and output, `*` for all of them. */
export function outputsRead(expression: Expression): { step: string; output: string }[] {
  const found: { step: string; output: string }[] = [];
  const { ast } = parse(expression.cel);
  const read = new Set<ASTNode>();
  walk(ast, (node) => {
    const outer = access(node);
    if (outer === undefined) return;
    const inner = access(outer.of);
    // `steps.a.outputs.x`; of `steps.a.outputs` in any other use it is not known what is read.
    if (inner?.name === 'outputs') {
      const step = stepOf(inner.of);
      if (step !== undefined && outer.name !== undefined) {
        found.push({ step, output: outer.name });
        read.add(outer.of);
      }
    }
    if (outer.name === 'outputs' && !read.has(node)) {
      const step = stepOf(outer.of);
      if (step !== undefined) found.push({ step, output: '*' });
    }
  });
  return found;
}

/** `of.name` or `of['name']`; the name is undefined when it is only known at run time. */
function access(node: ASTNode): { of: ASTNode; name: string | undefined } | undefined {
  if (node.op === '.') return { of: node.args[0], name: node.args[1] };
  if (node.op !== '[]') return undefined;
  const [of, index] = node.args;
  return { of, name: index.op === 'value' && typeof index.args === 'string' ? index.args : undefined };
}

function stepOf(node: ASTNode): string | undefined {
  const found = access(node);
  return found?.of.op === 'id' && found.of.args === 'steps' ? found.name : undefined;
}
