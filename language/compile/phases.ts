import type { ActionSignature } from '../../domain/action.ts';
import { suggest, type Finding, type Path } from './problem.ts';
import { undoOf } from './rules.ts';
import type { Graph } from './graph.ts';
import type { SourceFile } from './shape.ts';
import type { SourcePhase, SourceStep, SourceSteps } from './source/step.ts';
import { walkSource } from './source/walk.ts';

/** Steps that people may be asked about at once: more nobody can judge. */
const maxSteps = 20;

/** A list of steps, as far as a phase is judged by it. */
interface PhaseList {
  steps: SourceSteps;
  path: Path;
  graph: Graph;
  /** By the name of a step that is seen in the list, the step of the list that it is, or is in. */
  owners: ReadonlyMap<string, string>;
  usedSteps: readonly { path: Path; steps: ReadonlySet<string> }[];
  actions: ReadonlyMap<string, ActionSignature>;
}

/** The phases of one file: what their steps may be, so that all of them can be planned before the first begins. */
export class Phases {
  readonly #file: SourceFile;
  readonly #declared: ReadonlyMap<string, SourcePhase>;
  /** By phase, the list that its first step is in. */
  readonly #lists = new Map<string, string>();

  constructor(file: SourceFile) {
    this.#file = file;
    this.#declared = new Map(Object.entries(file.phases ?? {}));
    for (const { path, step } of walkSource(file))
      if (step.phase !== undefined && !this.#lists.has(step.phase))
        this.#lists.set(step.phase, JSON.stringify(path.slice(0, -1)));
  }

  /** The phase of a step; undefined when it has none, or none that there is. */
  of(step: SourceStep): SourcePhase | undefined {
    return step.phase === undefined ? undefined : this.#declared.get(step.phase);
  }

  /** Phases that nothing uses, or whose name is a step's. */
  fileFindings(): Finding[] {
    const placed = [...walkSource(this.#file)];
    return [...this.#declared.keys()].flatMap((name): Finding[] => {
      const path = ['phases', name];
      if (placed.some(({ step }) => step.id === name))
        return [
          {
            code: 'FB2078',
            path,
            atKey: true,
            message: `"${name}" is the id of a step as well, and questions are named by either`,
            fix: 'choose another name for the phase',
          },
        ];
      if (placed.some(({ step }) => step.phase === name)) return [];
      return [
        {
          code: 'FB2074',
          path,
          atKey: true,
          message: `no step belongs to the phase "${name}"`,
          fix: `write phase: ${name} on its steps, or remove it`,
        },
      ];
    });
  }

  /** What is wrong with the phases of one list. */
  listFindings(list: PhaseList): Finding[] {
    const findings: Finding[] = [];
    const members = new Map<string, number[]>();
    for (const [index, step] of list.steps.entries()) {
      const { phase } = step;
      if (phase === undefined) continue;
      findings.push(...this.#stepFindings(step, phase, [...list.path, index], list));
      members.set(phase, [...(members.get(phase) ?? []), index]);
    }
    for (const [phase, indices] of members)
      if (this.#declared.has(phase)) findings.push(...membersFindings(phase, indices, list));
    return findings;
  }

  #stepFindings(step: SourceStep, phase: string, path: Path, list: PhaseList): Finding[] {
    const findings: Finding[] = [];
    const at = [...path, 'phase'];
    if (!this.#declared.has(phase))
      return [
        {
          code: 'FB2070',
          path: at,
          message: `there is no phase "${phase}"`,
          fix: suggest(phase, this.#declared.keys()),
        },
      ];
    if (step.approve !== undefined)
      findings.push({
        code: 'FB2071',
        path: [...path, 'approve'],
        atKey: true,
        message: `people are asked about the phase "${phase}", and not about this step alone`,
        fix: 'remove approve, or phase',
      });
    if (this.#lists.get(phase) !== JSON.stringify(list.path))
      findings.push({
        code: 'FB2072',
        path: at,
        message: `the phase "${phase}" has steps in another list already`,
        fix: 'put its steps into one list, or make another phase of these',
      });
    if (list.actions.get(step.uses ?? '')?.effect === 'read')
      findings.push({
        code: 'FB2075',
        path: at,
        message: `${step.uses ?? ''} only reads, and nobody needs to be asked`,
        fix: 'remove phase',
      });
    return findings;
  }
}

function membersFindings(phase: string, indices: readonly number[], list: PhaseList): Finding[] {
  const findings: Finding[] = [];
  const { actions, graph, owners, path, steps, usedSteps } = list;
  const beyond = indices[maxSteps];
  if (beyond !== undefined)
    findings.push({
      code: 'FB2077',
      path: [...path, beyond, 'phase'],
      message: `the phase "${phase}" has ${indices.length} steps`,
      fix: `a phase has at most ${maxSteps}: make two of it`,
    });
  const undos = indices.flatMap((index) => {
    const step = steps[index];
    const action = actions.get(step?.uses ?? '');
    if (step === undefined || action?.effect !== 'reversible') return [];
    // One that is asked about by itself is no part of what this question grants.
    const undo = undoOf(step, action);
    return undo === 'ask' && action.undoApproval === 'own' ? [] : [{ index, undo }];
  });
  const other = undos.find(({ undo }) => undo !== undos[0]?.undo);
  if (other !== undefined)
    findings.push({
      code: 'FB2076',
      path: [...path, other.index, 'phase'],
      message: `of the phase "${phase}" a later failure undoes some steps and others not, and the question has one word for it`,
      fix: 'write the same undo on its steps, or make two phases of it',
    });
  if (graph.ancestors.length === 0) return findings;
  const before = (id: string): boolean => indices.every((index) => graph.ancestors[index]?.has(id) === true);
  for (const index of indices)
    for (const key of ['with', 'if'])
      for (const { path: at, steps: asked } of usedSteps) {
        if (!isBelow(at, [...path, index, key])) continue;
        const late = [...asked].find((id) => {
          const owner = owners.get(id);
          return owner !== undefined && !before(owner);
        });
        if (late === undefined) continue;
        findings.push({
          code: 'FB2073',
          path: at,
          message: `people are asked about the phase "${phase}" before "${late}" has ended, and this needs it`,
          fix: `let every step of the phase need "${owners.get(late) ?? late}", or give this step an approve of its own`,
        });
      }
  return findings;
}

function isBelow(path: Path, above: Path): boolean {
  return above.every((part, index) => path[index] === part);
}
