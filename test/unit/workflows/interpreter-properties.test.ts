import { expect, test } from '@jest/globals';
import { assert, nat, property } from 'fast-check';
import type { Playbook } from '../../../language/run/playbook.ts';
import { createInterpreter } from '../../../workflows/interpreter/interpreter.ts';
import type { Facts, Leaf } from '../../../workflows/interpreter/types.ts';
import { playbooks } from '../../support/arbitrary-playbooks.ts';
import { seeded } from '../../support/soak.ts';

const facts: Facts = { inputs: {}, alert: {}, incident: { mode: 'approve' } };
const maxMoves = 5_000;

interface Told {
  lines: string[];
  undone: string[];
  leaves: Leaf[];
}

/** Runs a playbook in a world that chance decides; `resumes` takes it up from its JSON after every move. */
function run(playbook: Playbook, seed: number, resumes: boolean): Told {
  const random = seeded(seed);
  let interpreter = createInterpreter(playbook, facts);
  let now = 0;
  const told: Told = { lines: [], undone: [], leaves: [] };
  for (let move = 0; move < maxMoves; move += 1) {
    const { commands, transitions } = interpreter.advance(now);
    for (const { address, status, why = '' } of transitions) told.lines.push(`${address} ${status} ${why}`);
    let undoing: string | undefined;
    for (const command of commands) {
      if (command.do === 'run') told.leaves.push(command.leaf);
      if (command.do !== 'undo') continue;
      undoing = command.address;
      told.undone.push(undoing);
    }
    if (interpreter.ended() !== undefined) return told;
    if (resumes) interpreter = createInterpreter(playbook, facts, interpreter.state());
    if (undoing !== undefined) {
      interpreter.take({ undone: undoing, ok: random() < 0.8 });
      continue;
    }
    const running = interpreter.running();
    const leaf = running[Math.floor(random() * running.length)];
    if (leaf === undefined) {
      now = interpreter.due();
      if (now === Infinity) throw new Error('nothing runs, nothing is due, and it has not ended');
      continue;
    }
    const fails = random() < 0.3;
    const counts = leaf.step.kind === 'action' && leaf.step.undo === 'on-failure' && !fails;
    interpreter.take({
      step: leaf.address,
      status: fails ? 'failed' : 'done',
      outputs: { n: Math.floor(random() * 4) },
      ...(counts ? { applied: true } : {}),
    });
  }
  throw new Error(`it has not ended after ${maxMoves} moves`);
}

test('every playbook ends, the same way twice, also when it is taken up again after every move', () => {
  assert(
    property(playbooks(), nat(), (playbook, seed) => {
      const told = run(playbook, seed, false);
      expect(run(playbook, seed, false)).toEqual(told);
      expect(run(playbook, seed, true)).toEqual(told);
    }),
    { numRuns: 150 },
  );
});

test('no step begun twice has the same attempt, and none that must not be undone is', () => {
  assert(
    property(playbooks(), nat(), (playbook, seed) => {
      const { leaves, undone } = run(playbook, seed, false);
      const names = leaves.map(({ address, attempt }) => `${address}#${attempt}`);
      expect(new Set(names).size).toBe(names.length);
      const undoable = leaves.flatMap(({ address, step }) =>
        step.kind === 'action' && step.undo === 'on-failure' ? [address] : [],
      );
      expect(undone.filter((address) => !undoable.includes(address))).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
