import type { ActionSignature } from '../../../domain/action.ts';
import { blocksOf, topBlocks, type ChildPlaybook, type Step } from '../../run/playbook.ts';
import type { Finding, Path } from '../problem.ts';

/** Leads from a step, by its id, to its place in the file, or to that of one of its keys. Steps of child playbooks have none. */
export type PlaceOf = (step: string, key?: string) => Path;

/** A resolved playbook as the rules see it. */
export interface Linted {
  playbook: ChildPlaybook;
  /** Those that it and its children run, by id. */
  children: { [id: string]: ChildPlaybook };
  /** The catalogue: a frozen playbook no longer says what bears on evidence. */
  actions: ReadonlyMap<string, ActionSignature>;
  placeOf: PlaceOf;
  /** Ids of the steps that say `undo: never` in the file, and do not merely have it. */
  keptOnPurpose: ReadonlySet<string>;
  /** Every step of the file itself, each with where it stands; those of child playbooks are linted with their own file. */
  steps: readonly Stood[];
}

/** A step and what is around it. */
export interface Stood {
  step: Step;
  /** The list that it stands in. */
  siblings: readonly Step[];
  /** The steps around it, outermost first, each with its siblings and the name of the block that this one is in. */
  around: readonly { step: Step; siblings: readonly Step[]; block: string }[];
  /** Which of the playbook's own lists it is in, at whatever depth. */
  top: string;
}

/** One thing to look for. */
export type Rule = (linted: Linted) => Finding[];

export function warning(code: Finding['code'], path: Path, message: string, fix: string): Finding {
  return { code, severity: 'warning', path, message, fix };
}

/** Every step of a playbook itself, outer ones first. */
export function stood(playbook: ChildPlaybook): Stood[] {
  const all: Stood[] = [];
  const visit = (siblings: readonly Step[], top: string, around: Stood['around']): void => {
    for (const step of siblings) {
      all.push({ step, siblings, around, top });
      for (const { name, steps } of blocksOf(step))
        visit(steps, top, [...around, { step, siblings, block: name }]);
    }
  };
  for (const { name, steps } of topBlocks(playbook)) visit(steps, name, []);
  return all;
}

/** The steps of a list that have ended whenever this one begins. */
export function ancestors(step: Step, siblings: readonly Step[]): Step[] {
  const known = new Map(siblings.map((sibling) => [sibling.id, sibling]));
  const found = new Set<Step>();
  const left = [...step.needs];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    const needed = known.get(id);
    if (needed === undefined || found.has(needed)) continue;
    found.add(needed);
    left.push(...needed.needs);
  }
  return siblings.filter((sibling) => found.has(sibling));
}

/** All that has ended whenever a step begins: its own ancestors, and those of the steps around it. */
export function allAncestors({ step, siblings, around }: Stood): Step[] {
  return [...around, { step, siblings }].flatMap((level) => ancestors(level.step, level.siblings));
}

/**
 * A step and all inside it, without what follows its failure; with the steps of its child playbooks when they are given, each child
 * once: five levels of children that all run many are more than can be walked.
 */
export function* inside(
  step: Step,
  children: Linted['children'],
  walked: Set<string> = new Set(),
): Generator<Step> {
  yield step;
  for (const { name, steps } of blocksOf(step))
    if (name !== 'on-failure') for (const inner of steps) yield* inside(inner, children, walked);
  if (step.kind !== 'playbook' || walked.has(step.playbook)) return;
  walked.add(step.playbook);
  for (const inner of children[step.playbook]?.steps ?? []) yield* inside(inner, children, walked);
}

/** What the action of a step does; undefined for other kinds. */
export function signatureOf(step: Step, { actions }: Linted): ActionSignature | undefined {
  return step.kind === 'action' ? actions.get(step.uses) : undefined;
}

/** Whether a step, by itself, changes the world. */
export function changes(step: Step, linted: Linted): boolean {
  const effect = signatureOf(step, linted)?.effect;
  return effect !== undefined && effect !== 'read';
}

/** Whether a step, by itself, contains. */
export function contains(step: Step, linted: Linted): boolean {
  return signatureOf(step, linted)?.effect === 'contain';
}
