import type { ActionSignature } from '../../domain/action.ts';
import type { ChildPlaybook } from '../run/playbook.ts';
import { declarationFindings, declarationsOf, inputSchema } from './declaration.ts';
import type { Source } from './document.ts';
import { nowhere } from './expressions.ts';
import type { Finding } from './problem.ts';
import { failureShape, type View } from './scope-shape.ts';
import { Session, type CompiledChild, type FindChild } from './session.ts';
import type { SourceFile } from './shape.ts';
import { maxSteps } from './source/step.ts';
import { walkSource } from './source/walk.ts';
import { compileList } from './steps/list.ts';
import { compileValues, inside } from './steps/outputs.ts';
import { fields, inputShape } from './value-shape.ts';

/** A file, compiled. Meaningful only when there are no findings. */
export interface CompiledFile {
  findings: Finding[];
  child: CompiledChild;
  usedInputs: ReadonlySet<string>;
}

/** Levels of playbooks that a playbook may run. */
const maxDepth = 5;

/** Resolves and checks all of a file whose shape is right. */
export function compileFile(
  source: Source,
  file: SourceFile,
  actions: ReadonlyMap<string, ActionSignature>,
  findChild: FindChild,
): CompiledFile {
  const session = new Session(source, file, actions, findChild, compileList);
  const { findings, expressions } = session;
  const inputs = declarationsOf(file);
  findings.push(...declarationFindings(inputs), ...sizeFindings(file), ...session.phases.fileFindings());
  const { playbook, outputs, irreversible } = resolve(session, file, inputs);
  const children = [...session.usedChildren];
  const depth = Math.max(0, ...children.map(([, child]) => child.depth + 1));
  expressions.refuseStray(source.value);
  if (depth > maxDepth) findings.push(tooDeep(file, session));
  return {
    findings: [...findings, ...expressions.findings],
    usedInputs: expressions.usedInputs,
    child: {
      playbook,
      children: [...new Set(children.flatMap(([id, child]) => [id, ...child.children]))],
      actions: [...session.usedActions],
      input: inputSchema(inputs),
      outputs,
      depth,
      repeats: session.repeats,
      irreversible,
    },
  };
}

function resolve(
  session: Session,
  file: SourceFile,
  inputs: ChildPlaybook['inputs'],
): Pick<CompiledChild, 'playbook' | 'outputs' | 'irreversible'> {
  const shapes = Object.entries(inputs).map(([name, input]) => [name, inputShape(input)] as const);
  const top: View = {
    step: undefined,
    inputs: fields(Object.fromEntries(shapes)),
    absent: new Set(shapes.map(([name]) => name).filter((name) => inputs[name]?.optional === true)),
    steps: new Map(),
    names: {},
    repeats: 1,
  };
  const steps = session.compileList(file.steps, ['steps'], top);
  const after = inside(top, steps);
  const failed = { ...after, names: { failure: failureShape } };
  const onFailure = session.compileList(file['on-failure'] ?? [], ['on-failure'], failed);
  const always = session.compileList(file.always ?? [], ['always'], after);
  const outputs = compileValues(session, file.outputs, ['outputs'], after, nowhere);
  const { id, name, version, description = '', owner, runbook, severity, references } = file;
  return {
    playbook: {
      id,
      name,
      version,
      description,
      ...(owner === undefined ? {} : { owner }),
      ...(runbook === undefined ? {} : { runbook }),
      ...(severity === undefined ? {} : { severity }),
      ...(references === undefined ? {} : { references }),
      inputs,
      steps: steps.steps,
      ...(onFailure.steps.length === 0 ? {} : { onFailure: onFailure.steps }),
      ...(always.steps.length === 0 ? {} : { always: always.steps }),
      ...(file.outputs === undefined ? {} : { outputs: outputs.templates }),
    },
    outputs: fields(outputs.shapes),
    irreversible: steps.irreversible ?? onFailure.irreversible ?? always.irreversible,
  };
}

function sizeFindings(file: SourceFile): Finding[] {
  const count = [...walkSource(file)].length;
  if (count <= maxSteps) return [];
  return [
    {
      code: 'FB2010',
      path: ['steps'],
      atKey: true,
      message: `the playbook has ${count} steps, nested ones included`,
      fix: `a playbook has at most ${maxSteps} steps; split it`,
    },
  ];
}

function tooDeep(file: SourceFile, session: Session): Finding {
  const deep = [...walkSource(file)].find(
    ({ step }) => (session.usedChildren.get(step.playbook ?? '')?.depth ?? -1) >= maxDepth,
  );
  return {
    code: 'FB2026',
    path: [...(deep?.path ?? []), 'playbook'],
    message: `playbooks run each other more than ${maxDepth} levels deep`,
    fix: 'write the steps of one of them where it is run',
  };
}
