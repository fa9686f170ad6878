import type { StepStatus } from '../../domain/incident.ts';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { InputDeclaration, Playbook } from '../../language/run/playbook.ts';
import type { Command, Event, Facts, Interpreter, Leaf } from '../../workflows/interpreter/types.ts';

/** Leaves that a run may begin before it is told to stop: a loop may ask for thousands. */
const maxLeaves = 300;

/**
 * Carries out a playbook with invented outcomes, most of them good, and throws when the interpreter does, when nothing is left to
 * move it on, or when an expression that was accepted means nothing.
 * @param choose a whole number from 0, less than its argument
 */
export function runToEnd(
  begin: (playbook: Playbook, facts: Facts) => Interpreter,
  playbook: Playbook,
  choose: (below: number) => number,
): void {
  const run = begin(playbook, factsFor(playbook));
  const running: Leaf[] = [];
  const undoing: string[] = [];
  let now = 1_750_000_000_000;
  let leaves = 0;
  let idle = 0;
  const obey = (command: Command): void => {
    if (command.do === 'run') {
      leaves++;
      running.push(command.leaf);
    } else if (command.do === 'undo') undoing.push(command.address);
  };
  while (run.ended() === undefined) {
    const { commands, transitions } = run.advance(now);
    for (const command of commands) obey(command);
    for (const { address, why = '' } of transitions)
      if (/unknown (variable|function)|nothing is called/i.test(why))
        throw new Error(`${address} was accepted, and means nothing: ${why}`);
    if (run.ended() !== undefined) return;
    if (leaves > maxLeaves) run.stop({ why: 'it is enough', running: 'stop', undo: true, always: true });
    const undone = undoing.shift();
    const leaf = running.splice(choose(Math.max(1, running.length)), 1)[0];
    if (undone !== undefined) run.take({ undone, ok: choose(5) > 0 });
    if (leaf !== undefined) run.take(endOf(leaf, playbook, choose));
    if (undone !== undefined || leaf !== undefined || commands.length + transitions.length > 0) {
      idle = 0;
      continue;
    }
    const due = run.due();
    if (due === Infinity || idle++ > 1000)
      throw new Error('the playbook has not ended, and nothing moves it on');
    now = Math.max(now, due);
  }
}

function endOf(leaf: Leaf, playbook: Playbook, choose: (below: number) => number): Event {
  const bad: StepStatus[] = ['failed', 'refused', 'denied', 'cancelled'];
  const status = choose(6) === 0 ? (bad[choose(bad.length)] ?? 'failed') : 'done';
  return {
    step: leaf.address,
    status,
    verdict: 'verified',
    outputs: status === 'done' ? outputsOf(leaf, playbook) : {},
    ...(status === 'done' ? { applied: leaf.step.kind === 'action' } : { why: 'invented' }),
  };
}

function outputsOf({ step }: Leaf, playbook: Playbook): JsonObject {
  if (step.kind === 'approve') return { by: ['ada'] };
  if (step.kind === 'ask')
    return Object.fromEntries(
      Object.entries(step.fields).map(([name, { type, oneOf }]) => [name, oneOf?.[0] ?? sample(type)]),
    );
  const properties = playbook.actions[step.uses]?.outputs['properties'];
  if (!isObject(properties)) return {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, sample(typeOf(schema))]),
  );
}

function typeOf(schema: Json): string {
  const type = isObject(schema) ? schema['type'] : '';
  return typeof type === 'string' ? type : '';
}

function sample(type: string): Json {
  if (type === 'integer') return 1;
  if (type === 'number') return 0.5;
  if (type === 'boolean') return true;
  if (type === 'list' || type === 'array') return [];
  return type === 'object' ? {} : 'a';
}

function given({ type, default: preset, oneOf }: InputDeclaration): Json {
  return preset ?? oneOf?.[0] ?? sample(type);
}

function factsFor({ inputs }: Playbook): Facts {
  return {
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, given(input)])),
    alert: { source: 'falco', pod: '${{ inputs.cluster }}', fields: { 'proc.name': 'sh', list: ['a', 'b'] } },
    incident: { id: 'inc-1', title: 't', severity: 'high', mode: 'approve', requester: 'ada' },
  };
}
