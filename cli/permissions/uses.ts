import type { KnownInput } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import { isObject } from '../../domain/json.ts';
import { walkSteps, type Playbook, type Template } from '../../language/run/playbook.ts';

/** One place where a playbook uses an action, with what it says of the input already. */
export interface Use extends KnownInput {
  action: string;
}

/** Every use in a playbook and in those that it runs. */
export function usesOf(playbook: Playbook): Use[] {
  const uses: Use[] = [];
  for (const { step } of walkSteps(playbook)) {
    if (step.kind === 'action') uses.push({ action: step.uses, ...knownOf(step.with) });
    if (step.kind === 'wait' && step.until !== undefined)
      uses.push({ action: step.until.uses, ...knownOf(step.until.with) });
  }
  return uses;
}

function knownOf(template: Template): KnownInput {
  if ('literal' in template) return { known: isObject(template.literal) ? template.literal : {}, open: [] };
  const known: JsonObject = {};
  const open: string[] = [];
  if ('map' in template) {
    for (const [field, value] of Object.entries(template.map)) {
      if ('literal' in value) known[field] = value.literal;
      else open.push(field);
    }
  }
  return { known, open };
}
