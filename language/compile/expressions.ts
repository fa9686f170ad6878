import type { Json } from '../../domain/json.ts';
import type { Expression, Template } from '../run/playbook.ts';
import { createExpressionChecker, type Checked } from './check.ts';
import type { Source } from './document.ts';
import { fieldOf, type Finding, type Path } from './problem.ts';
import type { SecretUse } from './references.ts';
import type { View } from './scope-shape.ts';
import { parseTemplate, type Found, type Unterminated } from './template.ts';
import { common, typeName, type Shape } from './value-shape.ts';
import type { Visibility } from './visibility.ts';

/** What a place in a value does with a secret: refuses it, or takes it, and may do without. */
export type SecretPlace = 'none' | 'required' | 'optional';
/** @param isText whether the secret is known to be text, as the name of one is */
export type SecretRule = (path: Path, isText: boolean) => SecretPlace;
export const nowhere: SecretRule = () => 'none';
export const anywhere: SecretRule = () => 'required';

/** A place in a value that is only known at run time, and what is known of it. */
export interface Unknown {
  path: Path;
  shape: Shape;
}

/** A value with expressions in it, read. */
export interface Rendered {
  template: Template;
  shape: Shape;
  unknowns: Unknown[];
}

/** Reads and checks the expressions of one file. */
export class Expressions {
  readonly findings: Finding[] = [];
  readonly usedInputs = new Set<string>();
  /** Where steps are asked about, and which. */
  readonly usedSteps: { path: Path; steps: ReadonlySet<string> }[] = [];
  /** The paths below which expressions were looked for, as JSON. */
  readonly #read = new Set<string>();
  readonly #source: Source;
  readonly #check: ReturnType<typeof createExpressionChecker>;

  constructor(source: Source, visibility: Visibility) {
    this.#source = source;
    this.#check = createExpressionChecker(visibility);
  }

  /** A value that may have expressions anywhere in it. */
  template(value: Json, path: Path, view: View, secrets: SecretRule): Rendered {
    this.#read.add(JSON.stringify(path));
    const found: Found[] = [];
    const broken: Unterminated[] = [];
    const template = parseTemplate(value, path, found, broken);
    this.#unterminated(broken);
    const unknowns = found.map((expression): Unknown => {
      const { shape } = this.#checked(expression, view, secrets);
      if (!expression.whole) this.#inText(expression, shape);
      return { path: expression.path, shape: expression.whole ? shape : 'string' };
    });
    for (const { path: at } of broken) unknowns.push({ path: at, shape: 'dyn' });
    const shapes = new Map(unknowns.map(({ path: at, shape }) => [JSON.stringify(at), shape]));
    return { template, shape: shapeOf(value, path, shapes), unknowns };
  }

  /** A text that people read. */
  text(value: string, path: Path, view: View): Template {
    const { template, shape } = this.template(value, path, view, nowhere);
    if (!fitsText(shape))
      this.findings.push({
        code: 'FB2047',
        path,
        message: `${fieldOf(path)} must be text, and the expression yields ${typeName(shape)}`,
        fix: 'convert it with string(…), or write text around it',
      });
    return template;
  }

  /** A condition is an expression, with or without the braces around the whole of it. */
  condition(text: string, path: Path, view: View): Expression {
    const { expression, type } = this.whole(text, path, view, 'condition');
    if (type !== 'bool' && !isOpen(type))
      this.findings.push({
        code: 'FB2044',
        path,
        message: `the condition is ${type}, neither true nor false`,
        fix: 'compare it with something, such as == or !=',
      });
    return expression;
  }

  /** An expression that is all of a text. `type`: the CEL type, `dyn` when something is wrong with it. */
  whole(
    text: string,
    path: Path,
    view: View,
    what: string,
  ): { expression: Expression; shape: Shape; type: string } {
    this.#read.add(JSON.stringify(path));
    const found: Found[] = [];
    const broken: Unterminated[] = [];
    const start = text.length - text.trimStart().length;
    if (text.includes('${{')) parseTemplate(text.trim(), path, found, broken);
    else {
      const cel = text.trim();
      found.push({ cel, path, index: 0, whole: true, expression: { cel } });
    }
    this.#unterminated(broken);
    const [first] = found;
    if (first === undefined || !first.whole) {
      if (first !== undefined)
        this.findings.push({
          code: 'FB2044',
          path,
          message: `\${{ }} stands around a part of the ${what}`,
          fix: `put \${{ }} around the whole ${what}, or leave it out`,
        });
      return { expression: { cel: first?.cel ?? '' }, shape: 'dyn', type: 'dyn' };
    }
    const { shape, type } = this.#checked({ ...first, index: first.index + start }, view, nowhere);
    return { expression: first.expression, shape, type };
  }

  /** Text that looks like an expression where none is evaluated would be taken literally, in silence. */
  refuseStray(value: Json, path: Path = []): void {
    if (this.#read.has(JSON.stringify(path))) return;
    if (typeof value === 'string' && value.includes('${{'))
      this.findings.push({
        code: 'FB2045',
        path,
        offset: this.#source.offsetIn(path, value.indexOf('${{')),
        message: `${fieldOf(path)} takes no expression`,
        fix: 'write the value itself; expressions belong in with, set, outputs, texts and conditions',
      });
    else if (Array.isArray(value)) value.forEach((item, index) => this.refuseStray(item, [...path, index]));
    else if (typeof value === 'object' && value !== null)
      for (const [name, item] of Object.entries(value)) this.refuseStray(item, [...path, name]);
  }

  #checked(expression: Found, view: View, secrets: SecretRule): Checked {
    const { path, index } = expression;
    const place = (at: number): number => this.#source.offsetIn(path, index + at);
    const checked = this.#check(expression, view, place);
    expression.expression.cel = checked.cel;
    this.findings.push(...checked.findings);
    for (const input of checked.inputs) this.usedInputs.add(input);
    if (checked.steps.size > 0) this.usedSteps.push({ path, steps: checked.steps });
    for (const use of checked.secrets) {
      const fault = passOn(use, expression, secrets(path, use.name.startsWith('inputs.')));
      if (fault !== undefined) this.findings.push({ ...fault, path, offset: place(use.start) });
    }
    return checked;
  }

  /** Only text, numbers and booleans can stand inside a text. */
  #inText({ path, index }: Found, shape: Shape): void {
    if (typeof shape === 'string' && !shape.startsWith('map')) return;
    this.findings.push({
      code: 'FB2041',
      path,
      offset: this.#source.offsetIn(path, index),
      message: `${typeof shape === 'object' && 'list' in shape ? 'a list' : 'a map'} cannot stand inside a text`,
      fix: "use one of its values, or join a list: names.join(', ')",
    });
  }

  #unterminated(broken: readonly Unterminated[]): void {
    for (const { path, index } of broken)
      this.findings.push({
        code: 'FB2040',
        path,
        offset: this.#source.offsetIn(path, index),
        message: '${{ has no }} that ends it',
        fix: "close it with }}, or write ${{ '${{' }} for the three characters themselves",
      });
  }
}

/** Why a secret cannot stand here; undefined when it can. One that may be left out is marked so, for its key to go with it. */
function passOn(
  { name, whole, absent: [input] }: SecretUse,
  found: Found,
  place: SecretPlace,
): Omit<Finding, 'path'> | undefined {
  if (!whole || !found.whole || place === 'none')
    return {
      code: 'FB2046',
      message: `${name} is a secret, or holds one, and would be readable here`,
      fix: 'pass it on by itself, as ${{ inputs.token }}, to an input that takes a secret',
    };
  if (input === undefined) return undefined;
  if (place === 'required' || name !== `inputs.${input}`)
    return {
      code: 'FB2048',
      message: `inputs.${input} may be left out, and ${fieldOf(found.path)} needs it`,
      fix: `add if: has(inputs.${input}) to the step, or to one around it`,
    };
  Object.assign(found.expression, { ifGiven: input });
  return undefined;
}

function isOpen(type: string): boolean {
  return type === 'dyn' || type.startsWith('dyn<');
}

/** What may become text in a message: whatever a text with an expression in it may hold. */
function fitsText(shape: Shape): boolean {
  return shape === 'string' || shape === 'secret' || (typeof shape === 'string' && isOpen(shape));
}

function shapeOf(value: Json, path: Path, unknowns: ReadonlyMap<string, Shape>): Shape {
  const unknown = unknowns.get(JSON.stringify(path));
  if (unknown !== undefined) return unknown;
  if (Array.isArray(value))
    return { list: common(value.map((item, index) => shapeOf(item, [...path, index], unknowns))) };
  if (typeof value === 'object' && value !== null)
    return {
      fields: Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, shapeOf(item, [...path, key], unknowns)]),
      ),
    };
  if (value === null) return 'dyn';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'int' : 'double';
  return typeof value === 'string' ? 'string' : 'bool';
}
