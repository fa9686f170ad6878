/**
 * How long the interpreter itself takes for a step, beside how long the whole of a step takes on a Temporal server: a `foreach` over one action that only reads,
 * run by both. `node bench/interpreter.ts [items]`; prints JSON.
 */
import type { Playbook } from '../language/run/playbook.ts';
import { Engine } from '../test/support/engine.ts';
import { act, onItem } from '../test/support/steps.ts';
import { Switchboard } from '../test/support/switchboard.ts';
import { createInterpreter } from '../workflows/interpreter/interpreter.ts';

const count = Number(process.argv[2] ?? 200);
const world = new Switchboard();
const actions = [world.action('test.read', false)];
const engine = await Engine.start();
try {
  await engine.work(actions);
  const incident = await engine.open({ actions, playbook: { steps: loop(count) } });
  const began = performance.now();
  await incident.handle.result();
  const whole = (performance.now() - began) / count;
  interpret(incident.input.playbook);
  const alone = interpret(incident.input.playbook) / count;
  const { steps, stepsOmitted = 0 } = await incident.view();
  const result = { items: count, unit: 'ms a step', interpreter: round(alone), whole: round(whole) };
  process.stdout.write(
    `${JSON.stringify({ ...result, share: round(alone / whole), stepsSeen: steps.length + stepsOmitted }, undefined, 2)}\n`,
  );
} finally {
  await engine.stop();
}

function loop(items: number): Playbook['steps'] {
  return [
    {
      kind: 'foreach',
      id: 'each',
      needs: [],
      items: { literal: Array.from({ length: items }, (_, index) => `ns-${index}`) },
      maxItems: items,
      maxParallel: 10,
      steps: [act('look', 'test.read', onItem(), { if: { cel: "item != ''" } })],
      outputs: { ok: { cel: 'steps.look.outputs.done' } },
    },
  ];
}

/** Milliseconds for the whole playbook, each leaf ending at once. */
function interpret(playbook: Playbook): number {
  const began = performance.now();
  const interpreter = createInterpreter(playbook, { inputs: {}, alert: {}, incident: {} });
  while (interpreter.ended() === undefined)
    for (const command of interpreter.advance(Date.now()).commands)
      if (command.do === 'run')
        interpreter.take({ step: command.leaf.address, status: 'done', outputs: { done: true } });
  return performance.now() - began;
}

function round(value: number): number {
  return Number(value.toPrecision(2));
}
