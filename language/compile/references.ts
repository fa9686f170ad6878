import type { ASTNode } from '@marcbachmann/cel-js';
import { children, comprehensions } from '../run/syntax.ts';
import { suggest } from './problem.ts';
import { rootsOf, type View } from './scope-shape.ts';
import { holdsSecret, typeName, type Shape } from './value-shape.ts';
import type { Visibility } from './visibility.ts';

/** A name in an expression that leads nowhere. `start` is an offset in the expression. */
export interface Misreference {
  code: 'FB2042' | 'FB2043';
  start: number;
  message: string;
  fix: string;
}

/** A secret, or what holds one. `whole`: it is all of the expression. */
export interface SecretUse {
  start: number;
  name: string;
  whole: boolean;
  /** Inputs in it that may have been left out. */
  absent: readonly string[];
}

export interface References {
  wrong: Misreference[];
  /** Inputs and steps that are asked about, and the names at the top that are used. */
  inputs: Set<string>;
  steps: Set<string>;
  roots: Set<string>;
  secrets: SecretUse[];
  /** What something is done with as a whole, whatever its fields: counted, compared, gone through. */
  maps: Set<Shape>;
  /** Parts of the expression that are whole numbers of JSON. */
  whole: Set<ASTNode>;
  /** What the expression yields, when it is a path from a name, or a choice from a list. */
  shape: Shape | undefined;
}

/** Where names that only some places have are to be found. */
const places: { readonly [name: string]: string } = {
  item: 'in the steps and outputs of a foreach',
  index: 'in the steps and outputs of a foreach',
  round: 'in a while',
  last: 'in a while',
  reading: 'in the condition of a wait',
  failure: 'in on-failure',
};

/** What takes a map as a whole. */
const takesMaps: ReadonlySet<string> = new Set(['call', 'rcall', 'in', '==', '!=']);

/** Follows every name of an expression as far as it is known what lies below it. */
export function followReferences(ast: ASTNode, view: View, visibility: Visibility): References {
  return new Follower(view, visibility).follow(ast);
}

type Bound = ReadonlyMap<string, Shape | undefined>;

class Follower {
  readonly #found: References = {
    wrong: [],
    inputs: new Set(),
    steps: new Set(),
    roots: new Set(),
    secrets: [],
    maps: new Set(),
    whole: new Set(),
    shape: undefined,
  };
  readonly #view: View;
  readonly #visibility: Visibility;
  readonly #roots: { [root: string]: Shape };

  constructor(view: View, visibility: Visibility) {
    this.#view = view;
    this.#visibility = visibility;
    this.#roots = rootsOf(view);
  }

  follow(ast: ASTNode): References {
    const shape = this.#use(ast, new Map(), true);
    return { ...this.#found, shape };
  }

  /** The shape of a value that something is done with, other than asking for one of its fields. */
  #use(node: ASTNode, bound: Bound, whole = false): Shape | undefined {
    const shape = this.#shape(node, bound);
    if (shape === undefined) return undefined;
    if (shape === 'int') this.#found.whole.add(node);
    if (shape === this.#roots['steps']) this.#bareSteps(node);
    else if (holdsSecret(shape)) this.#secret(node, whole);
    return shape;
  }

  #secret(node: ASTNode, whole: boolean): void {
    const name = pathOf(node);
    const absent = [...this.#view.absent].filter((input) => name === 'inputs' || name === `inputs.${input}`);
    this.#found.secrets.push({ start: node.start, name, whole, absent });
  }

  #shape(node: ASTNode, bound: Bound): Shape | undefined {
    if (node.op === 'id') return bound.has(node.args) ? bound.get(node.args) : this.#root(node, node.args);
    if (node.op === '.' || node.op === '[]') return this.#field(node, bound);
    if (node.op === 'rcall' && comprehensions.has(node.args[0])) return this.#comprehension(node.args, bound);
    // Whether there is a secret tells nothing of it.
    const asks = node.op === 'call' && node.args[0] === 'has';
    for (const child of children(node)) {
      const shape = asks ? this.#shape(child, bound) : this.#use(child, bound);
      if (shape !== undefined && takesMaps.has(node.op)) this.#found.maps.add(shape);
    }
    return undefined;
  }

  #root(node: ASTNode, name: string): Shape | undefined {
    if (Object.hasOwn(this.#roots, name)) {
      this.#found.roots.add(name);
      return this.#roots[name];
    }
    const where = places[name];
    if (where !== undefined)
      this.#found.wrong.push({
        code: 'FB2042',
        start: node.start,
        message: `\`${name}\` is not there: it is only seen ${where}`,
        fix: `use one of: ${Object.keys(this.#roots).join(', ')}`,
      });
    return undefined;
  }

  #field(node: ASTNode & { op: '.' | '[]' }, bound: Bound): Shape | undefined {
    const [target] = node.args;
    const left = this.#shape(target, bound);
    const name = fieldName(node);
    if (node.op === '[]') this.#use(node.args[1], bound);
    if (left === undefined) return undefined;
    if (typeof left === 'string') {
      if (holdsSecret(left)) this.#secret(target, false);
      return undefined;
    }
    if ('list' in left) {
      if (name === undefined) return left.list;
      this.#found.wrong.push({
        code: 'FB2042',
        start: startOf(node, name),
        message: `${pathOf(target)} is a list and has no "${name}"`,
        fix: `ask about one of its items, such as [0], or about all: .exists(x, x == …)`,
      });
      return undefined;
    }
    if (name === undefined) {
      if (left === this.#roots['steps']) this.#bareSteps(target);
      else if (holdsSecret(left)) this.#secret(target, false);
      return undefined;
    }
    return this.#named(node, target, left, name);
  }

  #named(
    node: ASTNode & { op: '.' | '[]' },
    target: ASTNode,
    left: { fields: { [field: string]: Shape }; open?: true },
    name: string,
  ): Shape | undefined {
    const { wrong, inputs, steps } = this.#found;
    const start = startOf(node, name);
    if (left === this.#roots['steps']) {
      const hidden = this.#visibility.why(name, this.#view);
      if (hidden !== undefined) wrong.push({ code: 'FB2043', start, ...hidden });
      if (hidden !== undefined) return undefined;
      steps.add(name);
    }
    if (!Object.hasOwn(left.fields, name)) {
      if (left.open === true) return undefined;
      const known = left === this.#roots['steps'] ? this.#visibility.ids : Object.keys(left.fields);
      const message = `${pathOf(target)} has no "${name}"`;
      wrong.push({ code: 'FB2042', start, message, fix: suggest(name, known) });
      return undefined;
    }
    if (left === this.#roots['inputs']) inputs.add(name);
    return left.fields[name];
  }

  /** `list.filter(x, …)`: the name stands for an item of the list, or for a key of a map. */
  #comprehension(
    [name, receiver, parameters]: [string, ASTNode, ASTNode[]],
    bound: Bound,
  ): Shape | undefined {
    const over = this.#use(receiver, bound);
    if (over !== undefined) this.#found.maps.add(over);
    const [variable, ...rest] = parameters;
    const inner = new Map(bound);
    if (variable?.op === 'id') inner.set(variable.args, itemOf(over));
    const shapes = rest.map((part) => this.#use(part, inner));
    if (name === 'filter')
      return over !== undefined && typeof over === 'object' && 'list' in over ? over : undefined;
    const made = name === 'map' ? shapes.at(-1) : undefined;
    return made === undefined ? undefined : { list: made };
  }

  #bareSteps(node: ASTNode): void {
    this.#found.wrong.push({
      code: 'FB2042',
      start: node.start,
      message: '`steps` can only be followed by the id of a step',
      fix: 'write steps.<id>.status, steps.<id>.verdict or steps.<id>.outputs',
    });
  }
}

function itemOf(shape: Shape | undefined): Shape | undefined {
  if (shape === undefined) return undefined;
  if (typeof shape === 'object') return 'list' in shape ? shape.list : 'string';
  return typeName(shape).startsWith('map') ? 'string' : undefined;
}

function startOf(node: ASTNode & { op: '.' | '[]' }, name: string): number {
  return node.op === '.' ? node.end - name.length : node.args[1].start;
}

function fieldName(node: ASTNode): string | undefined {
  if (node.op === '.') return node.args[1];
  if (node.op !== '[]') return undefined;
  const index = node.args[1];
  return index.op === 'value' && typeof index.args === 'string' ? index.args : undefined;
}

function pathOf(node: ASTNode): string {
  if (node.op === 'id') return node.args;
  if (node.op !== '.' && node.op !== '[]') return 'it';
  const name = fieldName(node);
  return name === undefined ? `${pathOf(node.args[0])}[]` : `${pathOf(node.args[0])}.${name}`;
}
