import type { ASTNode } from '@marcbachmann/cel-js';

/** A name that means nothing, and those that would have been understood. */
export interface UnknownName {
  name: string;
  known: readonly string[];
}

/** A part of an expression that the language does not have. `start` and `end` are offsets in its text. */
export class SyntaxRefused extends Error {
  override readonly name = 'SyntaxRefused';
  readonly start: number;
  readonly end: number;
  readonly unknown: UnknownName | undefined;
  constructor(message: string, node: ASTNode, unknown?: UnknownName) {
    super(message);
    this.unknown = unknown;
    this.start = node.start;
    this.end = node.end;
  }
}

/** Functions and macros an expression may call. Without regular expressions (JavaScript's backtrack), time zones and bytes. */
export const globalFunctions: ReadonlySet<string> = new Set([
  'bool',
  'double',
  'dyn',
  'has',
  'int',
  'size',
  'string',
  'type',
]);
export const methods: ReadonlySet<string> = new Set([
  'all',
  'contains',
  'endsWith',
  'exists',
  'exists_one',
  'filter',
  'indexOf',
  'join',
  'lastIndexOf',
  'lowerAscii',
  'map',
  'size',
  'split',
  'startsWith',
  'substring',
  'trim',
  'upperAscii',
]);
export const comprehensions: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);
const typeNames: ReadonlySet<string> = new Set([
  'bool',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
]);
/** The library drops these from a map literal without a word. */
const droppedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Calls `visit` for a node and all below it, with the node that holds it. */
export function walk(
  node: ASTNode,
  visit: (node: ASTNode, parent?: ASTNode) => void,
  parent?: ASTNode,
): void {
  visit(node, parent);
  for (const child of children(node)) walk(child, visit, node);
}

/** A node's operands, in the order of the text. */
export function children(node: ASTNode): ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    default:
      return node.args;
  }
}

/**
 * Refuses whatever is not on the lists above: a function the library gains with an update is not gained by playbooks.
 * @throws SyntaxRefused
 */
export function admit(node: ASTNode, roots: readonly string[], bound: ReadonlySet<string> = new Set()): void {
  const inside = (child: ASTNode): void => admit(child, roots, bound);
  switch (node.op) {
    case 'id':
      if (!roots.includes(node.args) && !bound.has(node.args) && !typeNames.has(node.args))
        throw new SyntaxRefused(
          `nothing is called "${node.args}" here; there are ${roots.join(', ')}`,
          node,
          {
            name: node.args,
            known: [...roots, ...bound],
          },
        );
      return;
    case 'value':
      if (typeof node.args === 'object' && node.args !== null)
        throw new SyntaxRefused('bytes and unsigned integers are not part of the language', node);
      return;
    case 'call':
      if (!globalFunctions.has(node.args[0])) throw unknownFunction(node.args[0], globalFunctions, node);
      break;
    case 'rcall': {
      const [name, receiver, parameters] = node.args;
      if (!methods.has(name)) throw unknownFunction(name, methods, node);
      const [variable, ...rest] = parameters;
      if (!comprehensions.has(name) || variable === undefined) break;
      if (variable.op !== 'id')
        throw new SyntaxRefused(`the first argument of ${name}() is a name`, variable);
      if (roots.includes(variable.args) || typeNames.has(variable.args))
        throw new SyntaxRefused(`\`${variable.args}\` has a meaning already; use another name`, variable);
      inside(receiver);
      for (const part of rest) admit(part, roots, new Set([...bound, variable.args]));
      return;
    }
    case 'map':
      for (const [key] of node.args) {
        if (key.op !== 'value') continue;
        if (typeof key.args !== 'string') throw new SyntaxRefused('a key of a map is text', key);
        if (droppedKeys.has(key.args)) throw new SyntaxRefused(`"${key.args}" cannot be a key`, key);
      }
      break;
  }
  children(node).forEach(inside);
}

function unknownFunction(name: string, known: ReadonlySet<string>, node: ASTNode): SyntaxRefused {
  const instead =
    name === 'matches'
      ? 'regular expressions are not part of the language; use contains, startsWith, endsWith or split'
      : `there are ${[...known].join(', ')}`;
  return new SyntaxRefused(
    `${name}() is not available: ${instead}`,
    node,
    name === 'matches' ? undefined : { name, known: [...known] },
  );
}
