import type { ActionSignature } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ChildPlaybook } from '../run/playbook.ts';
import { Expressions } from './expressions.ts';
import type { Source } from './document.ts';
import { fieldOf, suggest, type Finding, type Path } from './problem.ts';
import { Phases } from './phases.ts';
import type { SourceFile } from './shape.ts';
import type { View } from './scope-shape.ts';
import type { SourceSteps } from './source/step.ts';
import { walkSource, type Placed } from './source/walk.ts';
import type { CompiledList, CompileList } from './steps/made.ts';
import type { Shape } from './value-shape.ts';
import { visibilityOf } from './visibility.ts';

/** A playbook that others run: what they must know of it. */
export interface CompiledChild {
  playbook: ChildPlaybook;
  /** Ids of the playbooks that it runs, at all levels. */
  children: readonly string[];
  /** Names of the actions that it uses by itself. */
  actions: readonly string[];
  /** What its inputs take, as JSON Schema. */
  input: JsonObject;
  outputs: Shape;
  /** How many levels of playbooks it runs. */
  depth: number;
  /** How often its innermost loop goes round at most. */
  repeats: number;
  /** An action in it, or below it, that cannot be undone. */
  irreversible: string | undefined;
}

/** Finds a playbook for a step that runs it. */
export type FindChild = (id: string) => { ok: CompiledChild } | { problem: Omit<Finding, 'path'> };

/** What the compilation of one file goes by, and what it collects. */
export class Session {
  readonly findings: Finding[] = [];
  readonly actions: ReadonlyMap<string, ActionSignature>;
  readonly expressions: Expressions;
  readonly findChild: FindChild;
  readonly usedActions = new Set<string>();
  readonly usedChildren = new Map<string, CompiledChild>();
  readonly phases: Phases;
  /** The most often that anything in the file is run. */
  repeats = 1;
  readonly #compileList: CompileList;
  readonly #places = new Map<string, Placed>();

  constructor(
    source: Source,
    file: SourceFile,
    actions: ReadonlyMap<string, ActionSignature>,
    findChild: FindChild,
    compileList: CompileList,
  ) {
    this.actions = actions;
    this.findChild = findChild;
    this.#compileList = compileList;
    this.phases = new Phases(file);
    for (const placed of walkSource(file)) {
      const first = this.#places.get(placed.step.id);
      if (first === undefined) this.#places.set(placed.step.id, placed);
      else this.findings.push(twin(placed, first));
    }
    this.expressions = new Expressions(source, visibilityOf(this.#places));
  }

  /** Compiles a list inside a step. Here, and not imported, because steps hold lists and lists hold steps. */
  compileList(steps: SourceSteps, path: Path, view: View): CompiledList {
    return this.#compileList(this, steps, path, view);
  }

  /** An action by its name; reported when there is none. */
  action(name: string, path: Path): ActionSignature | undefined {
    const action = this.actions.get(name);
    if (action === undefined)
      this.findings.push({
        code: 'FB2023',
        path,
        message: `there is no action "${name}"`,
        fix: suggest(name, this.actions.keys()),
      });
    else this.usedActions.add(name);
    return action;
  }
}

function twin({ step, path }: Placed, first: Placed): Finding {
  return {
    code: 'FB2020',
    path: [...path, 'id'],
    message: `the id "${step.id}" is already that of ${fieldOf(first.path)}`,
    fix: 'give each step an id of its own',
  };
}
