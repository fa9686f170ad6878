import type { JsonObject } from '../../../domain/json.ts';
import type { Approval } from '../../../domain/person.ts';
import type { ActionSignature } from '../../../domain/action.ts';
import type { Template } from '../../run/playbook.ts';
import { milliseconds } from '../duration.ts';
import type { Path } from '../problem.ts';
import { ruleFindings, undoOf } from '../rules.ts';
import type { View } from '../scope-shape.ts';
import type { Session } from '../session.ts';
import type { SourceApproval } from '../source/step.ts';
import { anyMap, outputsShape } from '../value-shape.ts';
import { secretsOf, withFindings, type Taker } from '../with.ts';
import type { MakeStep } from './made.ts';

export const makeAction: MakeStep<'uses'> = (session, step, path, view) => {
  const action = session.action(step.uses, [...path, 'uses']);
  const phase = session.phases.of(step);
  if (action !== undefined) session.findings.push(...ruleFindings(step, action, path));
  const approve = phase?.approve ?? step.approve;
  return {
    body: {
      kind: 'action',
      uses: step.uses,
      with: inputsOf(session, step.with ?? {}, [...path, 'with'], action, view),
      ...(approve === undefined ? {} : { approve: approvalOf(approve) }),
      ...(phase === undefined || step.phase === undefined
        ? {}
        : { phase: { id: step.phase, title: phase.title ?? step.phase } }),
      ...(step.hold === undefined
        ? {}
        : // oxlint-disable-next-line unicorn/no-thenable -- the language's own key
          { hold: { forMs: milliseconds(step.hold.for) ?? 0, then: step.hold.then ?? 'escalate' } }),
      undo: action === undefined ? 'never' : undoOf(step, action),
    },
    outputs: outputsOf(action),
    irreversible: action?.effect === 'irreversible' ? action.name : undefined,
  };
};

/** What is given to an action or a playbook, checked against its schema; undefined when it is unknown. */
export function inputsOf(
  session: Session,
  value: JsonObject,
  path: Path,
  taker: Taker | undefined,
  view: View,
): Template {
  const { template, unknowns } = session.expressions.template(
    value,
    path,
    view,
    secretsOf(taker, value, path),
  );
  if (taker !== undefined) session.findings.push(...withFindings(taker, value, path, unknowns));
  return template;
}

export function outputsOf(action: ActionSignature | undefined): ReturnType<typeof outputsShape> {
  return action === undefined ? anyMap : outputsShape(action.outputs);
}

export function approvalOf(source: SourceApproval): Approval {
  return {
    from: source.from,
    count: source.count ?? 1,
    withinMs: milliseconds(source.within) ?? 0,
    otherwise: source.otherwise ?? 'escalate',
  };
}
