import type { JsonObject } from '../../domain/json.ts';
import { bind, wanted, type InputFault } from '../run/inputs.ts';
import type { Playbook } from '../run/playbook.ts';
import { suggest } from './problem.ts';

/** Something wrong with the inputs somebody gave. */
export interface InputProblem {
  code: 'FB2061' | 'FB2062' | 'FB2063';
  /** `inputs.namespace` */
  field: string;
  message: string;
  fix: string;
}

const codes = { missing: 'FB2061', unknown: 'FB2062', unfit: 'FB2063' } as const;

/** What a playbook is told, checked against what it asks for and completed with its defaults. */
export function bindInputs(
  playbook: Pick<Playbook, 'id' | 'inputs'>,
  given: JsonObject,
): { ok: JsonObject } | { problems: InputProblem[] } {
  const bound = bind(playbook.inputs, given);
  if ('ok' in bound) return bound;
  return {
    problems: bound.faults.map((fault) => ({
      code: codes[fault.kind],
      field: `inputs.${fault.name}`,
      message: messageOf(fault, playbook.id),
      fix: fixOf(fault, playbook),
    })),
  };
}

function messageOf({ kind, name, message }: InputFault, playbook: string): string {
  if (kind === 'missing') return `${playbook} needs the input "${name}"`;
  return kind === 'unknown' ? `${playbook} has no input "${name}"` : `the input "${name}" ${message}`;
}

function fixOf({ kind, name }: InputFault, { inputs }: Pick<Playbook, 'inputs'>): string {
  const declaration = inputs[name];
  if (kind === 'unknown' || declaration === undefined) return suggest(name, Object.keys(inputs));
  return `give ${wanted(declaration)}`;
}
