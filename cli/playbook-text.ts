import type { Json } from '../domain/json.ts';
import type { Approval } from '../domain/person.ts';
import type { InputDeclaration, Step, Template } from '../language/run/playbook.ts';

/** A template as somebody would write it: `${{ inputs.namespace }}`. Text of the playbook's author, not yet safe to print. */
export function templateText(template: Template): string {
  const value = sourceOf(template);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function sourceOf(template: Template): Json {
  if ('literal' in template) return template.literal;
  if ('cel' in template) return `\${{ ${template.cel} }}`;
  if ('concat' in template) return template.concat.map(templateText).join('');
  if ('list' in template) return template.list.map(sourceOf);
  return Object.fromEntries(Object.entries(template.map).map(([key, item]) => [key, sourceOf(item)]));
}

/** A duration as playbooks write it, in the largest unit that divides it: `90s`, `24h`. */
export function durationText(ms: number): string {
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const)
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  return ms === 0 ? '0s' : `${ms}ms`;
}

/** `2 of responders, security within 5m, otherwise escalate` */
export function approvalText({ from, count, withinMs, otherwise }: Approval): string {
  return `${count} of ${from.join(', ')} within ${durationText(withinMs)}, otherwise ${otherwise}`;
}

/** What a step does, in a line; its action, its list, its question … */
export function stepText(step: Step): string {
  switch (step.kind) {
    case 'action':
      return step.uses;
    case 'playbook':
      return `playbook ${step.playbook}`;
    case 'parallel':
      return `parallel: ${step.branches.map(({ name }) => name).join(', ')}`;
    case 'foreach':
      return `foreach ${templateText(step.items)}, at most ${step.maxItems}, ${step.maxParallel} at a time`;
    case 'switch':
      return `switch ${step.on.cel}`;
    case 'while':
      return `while ${step.condition.cel}, at most ${step.maxRounds} rounds${step.delayMs === 0 ? '' : `, ${durationText(step.delayMs)} apart`}`;
    case 'wait':
      return step.until === undefined
        ? `wait ${durationText(step.forMs ?? 0)}`
        : `wait until ${step.until.condition.cel} (${step.until.uses} every ${durationText(step.until.everyMs)}, within ${durationText(step.until.withinMs)})`;
    case 'approve':
      return `approve: ${templateText(step.question)}`;
    case 'ask':
      return `ask: ${templateText(step.question)} (${Object.keys(step.fields).join(', ')})`;
    case 'set':
      return `set ${Object.keys(step.values).join(', ')}`;
    case 'fail':
      return `fail: ${templateText(step.message)}`;
    default:
      return `end: ${templateText(step.why)}`;
  }
}

/** `string, one of "a", "b"`, `list of integer, from 1 to 5`, `secret, optional` */
export function inputText({ type, items, optional, oneOf, min, max }: InputDeclaration): string {
  const size = type === 'string' ? ' characters' : type === 'list' ? ' items' : '';
  return [
    type === 'list' ? `list of ${items ?? 'string'}` : type,
    ...(optional === true ? ['optional'] : []),
    ...(oneOf === undefined ? [] : [`one of ${oneOf.map((value) => JSON.stringify(value)).join(', ')}`]),
    ...(min === undefined ? [] : [`at least ${min}${size}`]),
    ...(max === undefined ? [] : [`at most ${max}${size}`]),
  ].join(', ');
}
