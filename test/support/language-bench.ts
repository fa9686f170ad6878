import { afterAll, beforeAll } from '@jest/globals';
import type { Action } from '../../domain/action.ts';
import type { ActionStep, Playbook, Step } from '../../language/run/playbook.ts';
import { Engine, type OpenIncident } from './engine.ts';
import { act as actionStep, at } from './steps.ts';
import { Switchboard } from './switchboard.ts';

/** A world of switches for the tests of a file. */
export const world = new Switchboard();
/** One that contains, one that changes and one that reads. */
export const actions: Action[] = [
  world.action('test.contain'),
  { ...world.action('test.change'), effect: 'reversible', holds: false },
  world.action('test.read', false),
];
export let engine: Engine;

/** Has an engine for the tests of the file that calls it. */
export function startEngine(catalogue: Action[] = actions): void {
  beforeAll(async () => {
    engine = await Engine.start();
    await engine.work(catalogue);
  });
  afterAll(() => engine.stop());
}

let namespaces = 0;
export const fresh = (): string => `ns${(namespaces += 1)}`;
export const act = (id: string, uses: string, namespace: string, over: Partial<ActionStep> = {}): Step =>
  actionStep(id, uses, at(namespace), over);

export function open(namespace: string, steps: Step[], over: Partial<Playbook> = {}): Promise<OpenIncident> {
  return engine.open({ actions, namespace, playbook: { steps, ...over } });
}

export const status = (view: { steps: { id: string; status: string }[] }, id: string): string | undefined =>
  view.steps.find((step) => step.id === id)?.status;
