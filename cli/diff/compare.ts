import type { Json } from '../../domain/json.ts';
import type { ChildPlaybook, CompiledPlaybook, Playbook } from '../../language/run/playbook.ts';
import { inputText, stepText, templateText } from '../playbook-text.ts';
import { isSame, placedSteps, type Placed } from './facts.ts';
import { isWorse, weakenedByLoss, weakenedStep } from './weakened.ts';

/** One difference in meaning. */
export interface Difference {
  change: 'added' | 'removed' | 'moved' | 'changed';
  /** `input namespace`, `step each/deny`, `action kubernetes.isolate-pod`; empty for the playbook as a whole. */
  where: string;
  /** Id of the child playbook that it is in. */
  playbook?: string;
  /** The field, as the resolved playbook has it; absent when all of it is meant. */
  field?: string;
  before?: Json;
  after?: Json;
  /** Why less is asked, held or limited than before. */
  weakened?: string;
}

/** The rights that an action needs, a line each. */
export type PermissionsOf = (action: string) => readonly string[];

/**
 * What changed in meaning between two playbooks: empty for changes of layout and comments only, which have the same digest. Nothing that the digest
 * covers is left out.
 */
export function compare(
  before: CompiledPlaybook,
  after: CompiledPlaybook,
  permissionsOf: PermissionsOf,
): Difference[] {
  if (before.digest === after.digest) return [];
  const [old, now] = [before.playbook, after.playbook];
  const children = keysOf(old.children ?? {}, now.children ?? {}).flatMap((id): Difference[] => {
    const [was, is] = [old.children?.[id], now.children?.[id]];
    if (was === undefined) return [{ change: 'added', where: `child playbook ${id}` }];
    if (is === undefined) return [{ change: 'removed', where: `child playbook ${id}` }];
    return bodies(was, is, old, now).map((one) => ({ ...one, playbook: id }));
  });
  return [
    ...bodies(old, now, old, now),
    ...children,
    ...actions(old, now),
    ...rights(old, now, permissionsOf),
  ];
}

function bodies(was: ChildPlaybook, is: ChildPlaybook, old: Playbook, now: Playbook): Difference[] {
  return [...heads(was, is), ...inputs(was, is), ...outputs(was, is), ...steps(was, is, old, now)];
}

/** All that stands at the top of a playbook and is compared as one value. */
function heads(was: ChildPlaybook, is: ChildPlaybook): Difference[] {
  const fields = ['id', 'name', 'version', 'description', 'owner', 'runbook', 'severity'] as const;
  const found = fields.flatMap((field) => changed('', field, was[field], is[field]));
  return [...found, ...changed('', 'references', linksOf(was), linksOf(is))];
}

function linksOf({ references }: ChildPlaybook): string[] | undefined {
  return references?.map(({ title, url }) => `${title}: ${url}`);
}

function inputs(was: ChildPlaybook, is: ChildPlaybook): Difference[] {
  return keysOf(was.inputs, is.inputs).flatMap((name): Difference[] => {
    const where = `input ${name}`;
    const [before, after] = [was.inputs[name], is.inputs[name]];
    if (before === undefined)
      return after === undefined ? [] : [{ change: 'added', where, after: inputText(after) }];
    if (after === undefined) return [{ change: 'removed', where, before: inputText(before) }];
    return [
      ...changed(where, 'type', inputText(before), inputText(after)),
      ...changed(where, 'default', before.default, after.default),
      ...changed(where, 'description', before.description, after.description),
    ];
  });
}

function outputs(was: ChildPlaybook, is: ChildPlaybook): Difference[] {
  return keysOf(was.outputs ?? {}, is.outputs ?? {}).flatMap((name) =>
    changed(`output ${name}`, undefined, outputText(was, name), outputText(is, name)),
  );
}

function outputText({ outputs: declared }: ChildPlaybook, name: string): string | undefined {
  const template = declared?.[name];
  return template === undefined ? undefined : templateText(template);
}

function steps(was: ChildPlaybook, is: ChildPlaybook, old: Playbook, now: Playbook): Difference[] {
  const [before, after] = [placedSteps(was), placedSteps(is)];
  const found: Difference[] = [];
  for (const [id, { step, path }] of before) {
    if (after.has(id)) continue;
    const holds = step.kind === 'action' && old.actions[step.uses]?.holds === true;
    const weakened = weakenedByLoss(step, holds);
    found.push({
      change: 'removed',
      where: `step ${path}`,
      before: stepText(step),
      ...(weakened === undefined ? {} : { weakened }),
    });
  }
  for (const [id, placed] of after) {
    const twin = before.get(id);
    const where = `step ${placed.path}`;
    if (twin === undefined) found.push({ change: 'added', where, after: stepText(placed.step) });
    else found.push(...stepChanges(twin, placed, where, old, now));
  }
  return [...found, ...orders(before, after)];
}

function stepChanges(was: Placed, is: Placed, where: string, old: Playbook, now: Playbook): Difference[] {
  const found: Difference[] = [];
  if (was.block !== is.block) found.push({ change: 'moved', where, before: was.block, after: is.block });
  const weakened = weakenedStep(was.step, is.step);
  if (was.step.kind === 'action' && is.step.kind === 'action' && was.step.uses !== is.step.uses) {
    const [before, after] = [old.actions[was.step.uses], now.actions[is.step.uses]];
    if (before !== undefined && after !== undefined && isWorse(before.effect, after.effect))
      weakened.set('uses', `its effect was ${before.effect} and is ${after.effect}`);
  }
  const fields = new Set([...was.facts.keys(), ...is.facts.keys()]);
  for (const field of fields)
    for (const one of changed(where, field, was.facts.get(field), is.facts.get(field))) {
      const why = weakened.get(field);
      found.push({ ...one, change: 'changed', ...(why === undefined ? {} : { weakened: why }) });
    }
  return found;
}

/** Steps that stayed in their block in another order; who waits for whom is in their `needs`. */
function orders(before: ReadonlyMap<string, Placed>, after: ReadonlyMap<string, Placed>): Difference[] {
  const now = stayed(after, before);
  return [...stayed(before, after)].flatMap(([block, ids]): Difference[] => {
    const order = now.get(block);
    return order === undefined || isSame(ids, order)
      ? []
      : [{ change: 'moved', where: `order of ${block}`, before: ids, after: order }];
  });
}

/** The ids of each block that are in it in both versions, in the order of the first. */
function stayed(
  all: ReadonlyMap<string, Placed>,
  others: ReadonlyMap<string, Placed>,
): Map<string, string[]> {
  const blocks = new Map<string, string[]>();
  for (const [id, { block }] of all)
    if (others.get(id)?.block === block) blocks.set(block, [...(blocks.get(block) ?? []), id]);
  return blocks;
}

/** The actions as they were frozen: what they do to the world may change without a word in the playbook. */
function actions(old: Playbook, now: Playbook): Difference[] {
  return keysOf(old.actions, now.actions).flatMap((name): Difference[] => {
    const where = `action ${name}`;
    const [before, after] = [old.actions[name], now.actions[name]];
    if (before === undefined || after === undefined)
      return [{ change: before === undefined ? 'added' : 'removed', where }];
    const worse = isWorse(before.effect, after.effect) ? 'it does more harm than before' : undefined;
    const released = before.holds && !after.holds ? 'its targets are no longer held' : undefined;
    return [
      ...changed(where, 'effect', before.effect, after.effect, worse),
      ...changed(where, 'holds', before.holds, after.holds, released),
      ...changed(where, 'evidence', before.evidence, after.evidence),
      ...changed(where, 'timing', before.timing, after.timing),
      ...changed(where, 'input', before.input, after.input),
      ...changed(where, 'outputs', before.outputs, after.outputs),
    ];
  });
}

function rights(old: Playbook, now: Playbook, permissionsOf: PermissionsOf): Difference[] {
  const all = (playbook: Playbook) => new Set(Object.keys(playbook.actions).flatMap(permissionsOf));
  const [before, after] = [all(old), all(now)];
  return [
    ...[...after]
      .filter((right) => !before.has(right))
      .map((right): Difference => ({
        change: 'added',
        where: 'permission',
        after: right,
        weakened: 'it needs more rights',
      })),
    ...[...before]
      .filter((right) => !after.has(right))
      .map((right): Difference => ({ change: 'removed', where: 'permission', before: right })),
  ];
}

function changed(
  where: string,
  field: string | undefined,
  before: Json | undefined,
  after: Json | undefined,
  weakened?: string,
): Difference[] {
  if (isSame(before, after)) return [];
  return [
    {
      change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
      where,
      ...(field === undefined ? {} : { field }),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
      ...(weakened === undefined ? {} : { weakened }),
    },
  ];
}

function keysOf(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}
