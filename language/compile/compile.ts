import type { ActionSignature } from '../../domain/action.ts';
import { digest, type Json, type JsonObject } from '../../domain/json.ts';
import type {
  ActionStep,
  CompiledPlaybook,
  Expression,
  InputDeclaration,
  Playbook,
  Template,
} from '../run/playbook.ts';
import { createExpressionChecker } from './check.ts';
import { placeIn, readDocument, type Source } from './document.ts';
import { milliseconds } from './duration.ts';
import { resolveNeeds } from './graph.ts';
import { inputFault } from './inputs.ts';
import { lint } from './lint.ts';
import { fieldOf, suggest, type Finding, type Path, type Problem, type Result } from './problem.ts';
import { ruleFindings, undoOf } from './rules.ts';
import type { Surroundings } from './scope-shape.ts';
import { readShape } from './shape-findings.ts';
import type { SourceFile, SourceStep } from './shape.ts';
import { parseTemplate, type Found, type Unterminated } from './template.ts';
import { createWithChecker, type Unknown } from './with.ts';

/** More problems than these help nobody. */
const maxProblems = 100;

/**
 * Reads, checks and resolves a playbook. Never throws on what a file may hold.
 * @param catalogue the actions there are; those used are frozen into the result.
 * @returns the playbook with its digest and any warnings, or what is wrong with it, in the order of the text.
 */
export function compilePlaybook(
  { file, text }: { file: string; text: string },
  catalogue: readonly ActionSignature[],
): Result<CompiledPlaybook> {
  const place = placeIn(text);
  const report = (findings: readonly Finding[], offsetOf: Source['offsetOf']): Problem[] =>
    findings
      .map(({ code, severity = 'error', path, atKey, offset, message, fix }): Problem => {
        const at = place(offset ?? offsetOf(path, atKey));
        return { code, severity, file, ...at, field: fieldOf(path), message, fix };
      })
      .toSorted((a, b) => a.line - b.line || a.column - b.column)
      .slice(0, maxProblems);
  const reading = readDocument(text);
  if ('findings' in reading) return { problems: report(reading.findings, () => 0) };
  const { source } = reading;
  const shape = readShape(source.value);
  if ('findings' in shape) return { problems: report(shape.findings, source.offsetOf) };
  const compiler = new Compiler(source, shape.file, catalogue);
  const playbook = compiler.compile();
  if (compiler.findings.length > 0) return { problems: report(compiler.findings, source.offsetOf) };
  const warnings = report(lint(shape.file, compiler.actions, compiler.usedInputs), source.offsetOf);
  return { ok: { playbook, digest: digest(playbook), file }, warnings };
}

class Compiler {
  readonly findings: Finding[] = [];
  readonly actions: ReadonlyMap<string, ActionSignature>;
  readonly usedInputs = new Set<string>();
  readonly #source: Source;
  readonly #file: SourceFile;
  readonly #inputs: { [name: string]: InputDeclaration };
  readonly #checkWith = createWithChecker();
  readonly #checkExpression = createExpressionChecker();

  constructor(source: Source, file: SourceFile, catalogue: readonly ActionSignature[]) {
    this.#source = source;
    this.#file = file;
    this.actions = new Map(catalogue.map((action) => [action.name, action]));
    this.#inputs = declarations(file);
  }

  /** Meaningful only when `findings` stays empty. */
  compile(): Playbook {
    const { id, name, version, description = '', steps } = this.#file;
    this.#checkDefaults();
    this.#refuseStrayExpressions();
    const graph = resolveNeeds(steps);
    this.findings.push(...graph.findings);
    const all = new Map(steps.map((step) => [step.id, this.actions.get(step.uses)]));
    const resolved = steps.map((step, index): ActionStep => {
      // Without a sound order nobody's ancestors are known: then only unknown names are reported.
      const ancestors = graph.ancestors[index] ?? new Set(all.keys());
      return this.#step(step, index, graph.needs[index] ?? [], {
        step: step.id,
        inputs: this.#inputs,
        steps: all,
        ancestors,
      });
    });
    const used = new Set(steps.map(({ uses }) => uses));
    const actions = [...this.actions]
      .filter(([action]) => used.has(action))
      // Only the order of steps is judged by it, here: a running incident has no use for it.
      .map(([action, { evidence: _, ...frozen }]) => [action, frozen] as const);
    return {
      schema: 'firebreak/playbook/v1',
      id,
      name,
      version,
      description,
      inputs: this.#inputs,
      steps: resolved,
      actions: Object.fromEntries(actions),
    };
  }

  #step(step: SourceStep, index: number, needs: string[], around: Surroundings): ActionStep {
    const path = ['steps', index];
    const action = this.actions.get(step.uses);
    if (action === undefined)
      this.findings.push({
        code: 'FB2023',
        path: [...path, 'uses'],
        message: `there is no action "${step.uses}"`,
        fix: suggest(step.uses, this.actions.keys()),
      });
    else this.findings.push(...ruleFindings(step, action, index));
    const condition = step.if === undefined ? undefined : this.#condition(step.if, [...path, 'if'], around);
    return {
      kind: 'action',
      id: step.id,
      uses: step.uses,
      with: this.#with(step.with ?? {}, [...path, 'with'], action, around),
      ...(condition === undefined ? {} : { if: condition }),
      needs,
      ...(step.approve === undefined ? {} : { approve: approval(step.approve) }),
      ...(step.hold === undefined
        ? {}
        : // oxlint-disable-next-line unicorn/no-thenable -- the language's own key
          { hold: { forMs: milliseconds(step.hold.for) ?? 0, then: step.hold.then ?? 'escalate' } }),
      undo: action === undefined ? 'never' : undoOf(step, action),
    };
  }

  #with(value: JsonObject, path: Path, action: ActionSignature | undefined, around: Surroundings): Template {
    const found: Found[] = [];
    const broken: Unterminated[] = [];
    const template = parseTemplate(value, path, found, broken);
    this.#reportUnterminated(broken);
    const unknowns = found.map((expression): Unknown => {
      const type = this.#check(expression, around);
      return { path: expression.path, type: expression.whole ? type : 'string' };
    });
    for (const { path: at } of broken) unknowns.push({ path: at, type: 'dyn' });
    if (action !== undefined) this.findings.push(...this.#checkWith(action, value, path, unknowns));
    return template;
  }

  /** A condition is an expression, with or without the braces around the whole of it. */
  #condition(text: string, path: Path, around: Surroundings): Expression {
    const found: Found[] = [];
    const broken: Unterminated[] = [];
    const start = text.length - text.trimStart().length;
    if (text.includes('${{')) parseTemplate(text.trim(), path, found, broken);
    else found.push({ cel: text.trim(), path, index: 0, whole: true });
    this.#reportUnterminated(broken);
    const [expression] = found;
    if (expression === undefined) return { cel: '' };
    if (!expression.whole) {
      this.findings.push({
        code: 'FB2044',
        path,
        message: '${{ }} stands around a part of the condition',
        fix: 'put ${{ }} around the whole condition, or leave it out',
      });
      return { cel: expression.cel };
    }
    const type = this.#check({ ...expression, index: expression.index + start }, around);
    if (type !== 'bool' && type !== 'dyn')
      this.findings.push({
        code: 'FB2044',
        path,
        message: `the condition is ${type}, neither true nor false`,
        fix: 'compare it with something, such as == or !=',
      });
    return { cel: expression.cel };
  }

  #check(expression: Found, around: Surroundings): string {
    const { path, index } = expression;
    const checked = this.#checkExpression(expression, around, (at) =>
      this.#source.offsetIn(path, index + at),
    );
    this.findings.push(...checked.findings);
    for (const input of checked.inputs) this.usedInputs.add(input);
    return checked.type;
  }

  #reportUnterminated(broken: readonly Unterminated[]): void {
    for (const { path, index } of broken)
      this.findings.push({
        code: 'FB2040',
        path,
        offset: this.#source.offsetIn(path, index),
        message: '${{ has no }} that ends it',
        fix: "close it with }}, or write ${{ '${{' }} for the three characters themselves",
      });
  }

  #checkDefaults(): void {
    for (const [name, declaration] of Object.entries(this.#inputs)) {
      const fault =
        declaration.default === undefined ? undefined : inputFault(declaration, declaration.default);
      if (fault !== undefined)
        this.findings.push({
          code: 'FB2060',
          path: ['inputs', name, 'default'],
          message: `the default ${fault}`,
          fix: `write a default of type ${declaration.type}`,
        });
    }
  }

  /** Text that looks like an expression where none is evaluated would be taken literally, in silence. */
  #refuseStrayExpressions(): void {
    const visit = (value: Json, path: Path): void => {
      const [top, , key] = path;
      if (top === 'steps' && path.length === 3 && (key === 'with' || key === 'if')) return;
      if (typeof value === 'string' && value.includes('${{'))
        this.findings.push({
          code: 'FB2045',
          path,
          offset: this.#source.offsetIn(path, value.indexOf('${{')),
          message: `${fieldOf(path)} takes no expression`,
          fix: 'write the value itself; expressions belong in with and if',
        });
      else if (Array.isArray(value)) value.forEach((item, index) => visit(item, [...path, index]));
      else if (typeof value === 'object' && value !== null)
        for (const [name, item] of Object.entries(value)) visit(item, [...path, name]);
    };
    visit(this.#source.value, []);
  }
}

function declarations(file: SourceFile): { [name: string]: InputDeclaration } {
  return Object.fromEntries(
    Object.entries(file.inputs ?? {}).map(([name, { type, description, default: preset }]) => [
      name,
      {
        type,
        ...(description === undefined ? {} : { description }),
        ...(preset === undefined ? {} : { default: preset }),
      },
    ]),
  );
}

function approval(source: NonNullable<SourceStep['approve']>): NonNullable<ActionStep['approve']> {
  return {
    from: source.from,
    count: source.count ?? 1,
    withinMs: milliseconds(source.within) ?? 0,
    otherwise: source.otherwise ?? 'escalate',
  };
}
