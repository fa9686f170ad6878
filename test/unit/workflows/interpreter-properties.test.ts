import { describe, expect, test } from '@jest/globals';
import { assert, boolean, constantFrom, nat, property, record, type Arbitrary } from 'fast-check';
import type { Playbook } from '../../../language/run/playbook.ts';
import { playbooks } from '../../support/arbitrary-playbooks.ts';
import { observe, type Observed, type World } from '../../support/observed-run.ts';
import { seeded } from '../../support/soak.ts';
import { Oracle } from '../../support/trace-oracles.ts';

const numRuns = 300;

/** A stop of any kind, before some move or after the end. */
const stops: Arbitrary<World['stop'] & {}> = record({
  move: nat({ max: 25 }),
  stop: record({
    why: constantFrom('enough'),
    running: constantFrom('finish' as const, 'stop' as const),
    undo: boolean(),
    always: boolean(),
  }),
});

/** Judges many runs; and what is judged must have come up in some of them. */
function everyRun(judge: (oracle: Oracle, observed: Observed) => { faults: string[]; had: boolean }): void {
  let had = 0;
  assert(
    property(playbooks(), nat(), (playbook, seed) => {
      const observed = observe(playbook, { seed });
      const judged = judge(new Oracle(playbook, observed), observed);
      expect(judged.faults).toEqual([]);
      had += judged.had ? 1 : 0;
    }),
    { numRuns: 5 * numRuns },
  );
  expect(had).toBeGreaterThan(0);
}

describe('every playbook', () => {
  test('ends, and goes the same way twice', () => {
    assert(
      property(playbooks(), nat(), (playbook, seed) => {
        expect(observe(playbook, { seed })).toEqual(observe(playbook, { seed }));
      }),
      { numRuns },
    );
  });

  test('goes on as it would have when it is taken up again at any moments, also before what came is acted upon', () => {
    assert(
      property(playbooks(), nat(), nat(), (playbook, seed, chance) => {
        const random = seeded(chance);
        const resumes = chance % 4 === 0 ? () => true : () => random() < 0.2;
        expect(observe(playbook, { seed, resumes })).toEqual(observe(playbook, { seed }));
      }),
      { numRuns },
    );
  });

  test('begins a step when what it needs has ended well', () => {
    everyRun((oracle, { sights }) => ({
      faults: oracle.order(),
      had: sights.some((sight) => sight.saw === 'status' && sight.why.startsWith('needs a step')),
    }));
  });

  test('runs as many items at a time as it may, and no more', () => {
    everyRun((oracle) => {
      const { faults, most } = oracle.beside();
      return { faults, had: most > 1 };
    });
  });

  test('undoes newest first, all that it must, and never a containment', () => {
    everyRun((oracle, { sights }) => ({
      faults: oracle.undos(),
      had: sights.filter(({ saw }) => saw === 'undo').length > 1,
    }));
  });

  test('never begins a step twice under the same attempt', () => {
    everyRun((_oracle, { sights }) => {
      const names = sights.flatMap((sight) =>
        sight.saw === 'run' ? [`${sight.leaf.address}#${sight.leaf.attempt}`] : [],
      );
      const twice = names.filter((name, index) => names.indexOf(name) !== index);
      return { faults: twice, had: names.some((name) => !name.endsWith('#1')) };
    });
  });
});

function stopped(playbook: Playbook, world: World): void {
  const observed = observe(playbook, world);
  const oracle = new Oracle(playbook, observed);
  expect([...oracle.stop(), ...oracle.undos(), ...oracle.order(), ...oracle.beside().faults]).toEqual([]);
}

describe('a stop', () => {
  test('takes effect at once, and undoes, finishes and runs what it says', () => {
    assert(
      property(playbooks(), nat(), stops, (playbook, seed, stop) => stopped(playbook, { seed, stop })),
      { numRuns: 2 * numRuns },
    );
  });

  test('goes the same way when it is taken up again after every move', () => {
    assert(
      property(playbooks(), nat(), stops, (playbook, seed, stop) => {
        expect(observe(playbook, { seed, stop, resumes: () => true })).toEqual(
          observe(playbook, { seed, stop }),
        );
      }),
      { numRuns },
    );
  });
});
