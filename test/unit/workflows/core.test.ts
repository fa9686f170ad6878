import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { StepStatus } from '../../../domain/incident.ts';
import type { ActionStep, Playbook } from '../../../language/run/playbook.ts';
import { begin, decide, reduce, settled, type Progress } from '../../../workflows/interpreter/core.ts';

function playbook(needs: string[][]): Playbook {
  const steps = needs.map((ids, index): ActionStep => ({
    kind: 'action',
    id: `s${index}`,
    uses: 'a',
    with: { literal: {} },
    needs: ids,
    undo: 'never',
  }));
  return {
    schema: 'firebreak/playbook/v1',
    id: 'P',
    name: '',
    version: 1,
    description: '',
    inputs: {},
    steps,
    actions: {},
  };
}

const ends: StepStatus[] = ['done', 'held', 'skipped', 'simulated', 'failed', 'refused', 'denied'];

/** Each step needs some of those before it. */
const graphs = fc
  .array(fc.array(fc.nat({ max: 20 }), { maxLength: 3 }), { minLength: 1, maxLength: 8 })
  .map((picks) =>
    playbook(picks.map((pick, index) => [...new Set(index === 0 ? [] : pick.map((at) => `s${at % index}`))])),
  );

function runAll(book: Playbook, endOf: (id: string) => StepStatus): { progress: Progress; ran: string[] } {
  let progress = begin(book);
  const ran: string[] = [];
  for (let round = 0; round <= book.steps.length * 2; round += 1) {
    for (const command of decide(book, progress, undefined)) {
      if (command.do === 'skip') {
        progress = reduce(progress, { step: command.step.id, status: 'skipped', why: command.why });
      } else {
        ran.push(command.step.id);
        progress = reduce(progress, { step: command.step.id, status: 'running' });
        progress = reduce(progress, { step: command.step.id, status: endOf(command.step.id) });
      }
    }
  }
  return { progress, ran };
}

describe('the interpreter core', () => {
  test('every playbook settles; no step runs twice, before its needs, or after one of them ended badly', () => {
    fc.assert(
      fc.property(
        graphs,
        fc.array(fc.constantFrom(...ends), { minLength: 8, maxLength: 8 }),
        (book, fates) => {
          const endOf = (id: string) => fates[Number(id.slice(1))] ?? 'done';
          const { progress, ran } = runAll(book, endOf);
          expect(settled(progress)).toBe(true);
          expect(new Set(ran).size).toBe(ran.length);
          for (const { id, needs } of book.steps) {
            if (!ran.includes(id)) continue;
            for (const need of needs) {
              const status = progress.get(need)?.status;
              expect(['done', 'held', 'skipped', 'simulated']).toContain(status);
              if (ran.includes(need)) expect(ran.indexOf(need)).toBeLessThan(ran.indexOf(id));
            }
          }
        },
      ),
    );
  });

  test('what needs a failed step is blocked, and so is what needs that; a skipped condition blocks nothing', () => {
    const book = playbook([[], ['s0'], ['s1'], []]);
    const failed = runAll(book, (id) => (id === 's0' ? 'failed' : 'done'));
    expect(failed.ran).toEqual(['s0', 's3']);
    expect(failed.progress.get('s2')?.status).toBe('skipped');
    const skipped = runAll(book, (id) => (id === 's0' ? 'skipped' : 'done'));
    expect(skipped.ran).toEqual(['s0', 's3', 's1', 's2']);
  });

  test('begins side by side what needs nothing, and nothing once it is stopped', () => {
    const book = playbook([[], [], ['s0', 's1']]);
    expect(decide(book, begin(book), undefined).map(({ step }) => step.id)).toEqual(['s0', 's1']);
    expect(
      decide(book, begin(book), 'a release was approved').every((command) => command.do === 'skip'),
    ).toBe(true);
  });

  test('an event about an unknown step is a fault', () => {
    expect(() => reduce(begin(playbook([[]])), { step: 'x', status: 'done' })).toThrow(RangeError);
  });
});
