import type { ActionStep } from '../../language/run/playbook.ts';
import { at, scopeAt, type At } from './frame.ts';
import { isWanted } from './guard.ts';
import { stateOf, type StepState } from './tree.ts';
import type { Member, Phase } from './types.ts';

/**
 * The phase of a step that begins, with all of its steps that are still to come: what they ask about has ended before the first of them begins, which the
 * compiler sees to, so that their conditions and inputs are known now.
 */
export function phaseOf({ address, frame, step: own }: At, { phase }: ActionStep): Phase | undefined {
  if (phase === undefined) return undefined;
  const members = frame.steps.flatMap((step): Member[] => {
    if (step.kind !== 'action' || step.phase?.id !== phase.id) return [];
    const here = at(frame, step, stateOf(frame.block, step));
    if (!isToCome(here.state) || isWanted(here).value !== true) return [];
    return [{ address: here.address, step, scope: scopeAt(here) }];
  });
  return { id: phaseId(address, own.id, phase.id), title: phase.title, members };
}

/** A phase's name after the steps around it, as it is before the id of each of its steps. */
export function phaseId(address: string, step: string, phase: string): string {
  return `${address.slice(0, -step.length)}${phase}`;
}

function isToCome({ status, work }: StepState): boolean {
  return status === 'waiting' || (status === 'running' && work?.leaf?.end === undefined);
}
