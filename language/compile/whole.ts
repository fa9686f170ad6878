import type { ASTNode } from '@marcbachmann/cel-js';
import { walk } from '../run/syntax.ts';

/** An expression in which whole numbers of JSON stand as ints where CEL takes nothing else. */
export interface Converted {
  cel: string;
  /** The place in the text as it was written. */
  placeOf(offset: number): number;
}

/** Methods of texts that take places in them. */
const takesPlaces: ReadonlySet<string> = new Set(['substring', 'indexOf', 'lastIndexOf']);
const yieldsInt: ReadonlySet<string> = new Set(['int', 'size', 'indexOf', 'lastIndexOf']);

/** Whether a value is whole, seen from its text. @param references those of the expression's parts that are whole numbers of JSON */
export function isWhole(node: ASTNode, references: ReadonlySet<ASTNode>): boolean {
  if (references.has(node)) return true;
  switch (node.op) {
    case '+':
    case '-':
    case '*':
      return node.args.every((operand) => isWhole(operand, references));
    case '-_':
      return isWhole(node.args, references);
    case '?:':
      return node.args.slice(1).every((operand) => isWhole(operand, references));
    default:
      return isInt(node);
  }
}

/** Whether a value is one of CEL's ints, and not a double that is whole. */
function isInt(node: ASTNode): boolean {
  switch (node.op) {
    case 'value':
      return typeof node.args === 'bigint';
    case 'call':
    case 'rcall':
      return yieldsInt.has(node.args[0]);
    case '%':
      return true;
    case '+':
    case '-':
    case '*':
    case '/':
      return node.args.every(isInt);
    case '-_':
      return isInt(node.args);
    case '?:':
      return node.args.slice(1).every(isInt);
    default:
      return false;
  }
}

/**
 * Puts `int(…)` around what is whole, and a double, where CEL needs an int: in a remainder, an index, a place in a text. JSON has one kind of number, and
 * expressions see doubles: so they were frozen from the first version on, and so they stay.
 */
export function convertWhole(cel: string, ast: ASTNode, references: ReadonlySet<ASTNode>): Converted {
  const around = new Set<ASTNode>();
  walk(ast, (node) => {
    for (const operand of needInts(node))
      if (!isInt(operand) && isWhole(operand, references)) around.add(operand);
  });
  const inserts = [...around].flatMap(({ start, end }) => [
    { at: start, text: 'int(' },
    { at: end, text: ')' },
  ]);
  inserts.sort((one, other) => one.at - other.at);
  let converted = '';
  let last = 0;
  for (const { at, text } of inserts) {
    converted += cel.slice(last, at) + text;
    last = at;
  }
  return {
    cel: converted + cel.slice(last),
    placeOf: (offset) => {
      let before = 0;
      for (const { at, text } of inserts) if (at + before < offset) before += text.length;
      return Math.max(0, offset - before);
    },
  };
}

function needInts(node: ASTNode): ASTNode[] {
  if (node.op === '%') return node.args;
  if (node.op === '[]') return [node.args[1]];
  if (node.op === 'rcall' && takesPlaces.has(node.args[0])) return node.args[2];
  return [];
}
