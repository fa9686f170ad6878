import type { ActionSignature } from '../../domain/action.ts';
import { digest } from '../../domain/json.ts';
import type { CompiledPlaybook, Playbook } from '../run/playbook.ts';
import { placeIn, readDocument, type Source } from './document.ts';
import type { Library, PlaybookText } from './library.ts';
import { lint } from './lint.ts';
import { lintFile } from './lint/file.ts';
import { compileFile } from './playbook.ts';
import { fieldOf, suggest, type Finding, type Problem, type Result } from './problem.ts';
import type { CompiledChild, FindChild } from './session.ts';
import { readShape } from './shape-findings.ts';

export { libraryOf, playbookId, type Library, type PlaybookText } from './library.ts';

/** More problems than these help nobody. */
const maxProblems = 100;
/** Most characters of what a problem says. */
const maxTold = 500;

/**
 * Reads, checks and resolves a playbook. Never throws on what a file may hold.
 * @param catalogue the actions there are; those used are frozen into the result.
 * @param library the playbooks there are; those run as steps, at whatever depth, are frozen into the result as well.
 * @returns the playbook with its digest and any warnings, or what is wrong with it, in the order of the text.
 */
export function compilePlaybook(
  text: PlaybookText,
  catalogue: readonly ActionSignature[],
  library?: Library,
): Result<CompiledPlaybook> {
  const compiler = new Compiler(catalogue, library);
  const compiled = compiler.compile(text, []);
  if ('problems' in compiled) return compiled;
  const playbook = compiler.freeze(compiled.ok);
  return { ok: { playbook, digest: digest(playbook), file: text.file }, warnings: compiled.warnings };
}

class Compiler {
  readonly #actions: ReadonlyMap<string, ActionSignature>;
  readonly #library: Library | undefined;
  readonly #children = new Map<string, Result<CompiledChild>>();

  constructor(catalogue: readonly ActionSignature[], library: Library | undefined) {
    this.#actions = new Map(catalogue.map((action) => [action.name, action]));
    this.#library = library;
  }

  /** @param around ids of the playbooks that are being compiled, outermost first */
  compile({ file, text }: PlaybookText, around: readonly string[]): Result<CompiledChild> {
    const reading = readDocument(text);
    if ('findings' in reading) return { problems: report({ file, text }, reading.findings, () => 0) };
    const { source } = reading;
    const tell = (findings: readonly Finding[]): Problem[] =>
      report({ file, text }, findings, source.offsetOf);
    const shape = readShape(source.value);
    if ('findings' in shape) return { problems: tell(shape.findings) };
    const find: FindChild = (id) => this.#find(id, [...around, shape.file.id]);
    const { findings, child, usedInputs } = compileFile(source, shape.file, this.#actions, find);
    if (findings.length > 0) return { problems: tell(findings) };
    const children = Object.fromEntries(child.children.map((id) => [id, this.#ready(id).playbook]));
    const told = [
      ...lint(shape.file, this.#actions, usedInputs),
      ...lintFile(shape.file, child.playbook, children, this.#actions),
    ];
    if (told.some(({ severity }) => severity !== 'warning'))
      return { problems: tell(told.filter(({ severity }) => severity !== 'warning')) };
    return { ok: child, warnings: tell(told) };
  }

  /** The playbook with all that it uses. */
  freeze({ playbook, children, actions }: CompiledChild): Playbook {
    const below = children.map((id) => [id, this.#ready(id)] as const);
    const used = new Set([...actions, ...below.flatMap(([, child]) => child.actions)]);
    const frozen = [...this.#actions]
      .filter(([action]) => used.has(action))
      // Only the order of steps is judged by it, here: a running incident has no use for it.
      .map(([name, action]) => {
        const signature = { ...action };
        delete signature.evidence;
        return [name, signature] as const;
      });
    return {
      schema: 'firebreak/playbook/v1',
      ...playbook,
      actions: Object.fromEntries(frozen),
      ...(below.length === 0
        ? {}
        : { children: Object.fromEntries(below.map(([id, child]) => [id, child.playbook])) }),
    };
  }

  #ready(id: string): CompiledChild {
    const child = this.#children.get(id);
    if (child === undefined || 'problems' in child) throw new TypeError(`${id} is not compiled`);
    return child.ok;
  }

  #find(id: string, around: readonly string[]): ReturnType<FindChild> {
    if (around.includes(id)) {
      const circle = [...around.slice(around.indexOf(id)), id].join(' → ');
      return {
        problem: {
          code: 'FB2025',
          message: `a playbook cannot run itself: ${circle}`,
          fix: 'use a while or a foreach for what repeats',
        },
      };
    }
    const text = this.#library?.get(id);
    if (text === undefined)
      return {
        problem: {
          code: 'FB2024',
          message: `there is no playbook "${id}"`,
          fix: suggest(id, this.#library?.ids?.() ?? []),
        },
      };
    const known = this.#children.get(id);
    const child = known ?? this.compile(text, around);
    this.#children.set(id, child);
    if ('ok' in child) return { ok: child.ok };
    const circle = child.problems.find(({ code }) => code === 'FB2025');
    if (circle !== undefined)
      return { problem: { code: 'FB2025', message: circle.message, fix: circle.fix } };
    const count = child.problems.length === 1 ? 'a problem' : `${child.problems.length} problems`;
    return { problem: { code: 'FB2027', message: `${id} has ${count}`, fix: `lint it: ${text.file}` } };
  }
}

function report(
  { file, text }: PlaybookText,
  findings: readonly Finding[],
  offsetOf: Source['offsetOf'],
): Problem[] {
  const place = placeIn(text);
  return findings
    .map(({ code, severity = 'error', path, atKey, offset, message, fix }): Problem => {
      const at = place(offset ?? offsetOf(path, atKey));
      return {
        code,
        severity,
        file,
        ...at,
        field: short(fieldOf(path)),
        message: short(message),
        fix: short(fix),
      };
    })
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .slice(0, maxProblems);
}

/** What is told quotes the file, whose keys and values may be of any length. */
function short(text: string): string {
  return text.length <= maxTold ? text : `${text.slice(0, maxTold).toWellFormed()}…`;
}
