import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { IncidentView } from '../../domain/incident.ts';
import type { ActionStep, Playbook, Step } from '../../language/run/playbook.ts';
import { CrashBench, idOf } from '../support/crash-bench.ts';
import { killAllStanding, respondersOf } from '../support/crash.ts';
import type { OpenIncident } from '../support/engine.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { act, at, onItem } from '../support/steps.ts';
import { progress, reportSoak, seeded, soakOf } from '../support/soak.ts';

const { seeds } = soakOf(10);
/** Incidents that one worker carries when it is killed: each stands at a place of its own. */
const atOnce = 10;

let bench: CrashBench;

beforeAll(async () => {
  bench = await CrashBench.start();
}, 60_000);
afterAll(() => bench.stop());

const items = ['x', 'y', 'z'];

const common = (id: string, needs: string[] = []) => ({ id, needs });

/** Contains and changes side by side, changes each item of a list, and then fails in a child: all but the containment is undone. */
function playbookOf(name: string): Pick<Playbook, 'steps'> & Partial<Playbook> {
  const on = (id: string, uses: string, suffix: string, needs: string[] = []): ActionStep =>
    act(id, uses, at(`${name}${suffix}`), { needs, undo: uses === 'test.dial' ? 'on-failure' : 'never' });
  const failing: Step = { ...common('stop', ['change']), kind: 'fail', message: { literal: 'on purpose' } };
  return {
    steps: [
      {
        ...common('both'),
        kind: 'parallel',
        branches: [
          { name: 'contain', steps: [on('contain', 'test.switch', '')] },
          {
            name: 'change',
            steps: [on('dial', 'test.dial', '-beside'), on('look', 'test.look', '', ['dial'])],
          },
        ],
        outputs: {},
      },
      {
        ...common('each', ['both']),
        kind: 'foreach',
        items: { literal: items },
        maxItems: 5,
        maxParallel: 2,
        steps: [act('turn', 'test.dial', onItem(`${name}-`), { undo: 'on-failure' })],
        outputs: {},
      },
      { ...common('part', ['each']), kind: 'playbook', playbook: 'T-2', with: { map: {} } },
    ],
    onFailure: [on('after', 'test.look', '')],
    always: [on('last', 'test.look', '')],
    children: {
      'T-2': {
        id: 'T-2',
        name: 'Child',
        version: 1,
        description: '',
        inputs: {},
        steps: [on('change', 'test.dial', '-child'), failing],
      },
    },
  };
}

const open = (name: string) => bench.open(name, playbookOf(name));
const changed = (name: string) =>
  ['-beside', ...items.map((item) => `-${item}`), '-child'].map((end) => `${name}${end}`);

const isOver = ({ gates, steps }: IncidentView) =>
  gates.length === 0 && steps.some(({ id, status }) => id === 'last' && status === 'done');

/** Ada approves whatever is asked; when all is done and undone, the containment is released. */
async function conduct(opened: OpenIncident): Promise<IncidentView> {
  const people = respondersOf(bench.watch, opened);
  const asked = new Set<string>();
  for (;;) {
    const view = await people.until(
      'a question or the end',
      (seen) => isOver(seen) || seen.gates.some(({ gate }) => !asked.has(gate.id)),
    );
    if (isOver(view)) break;
    for (const { gate } of view.gates) {
      if (asked.has(gate.id)) continue;
      asked.add(gate.id);
      await people.approve('ada', gate.id);
    }
  }
  await people.until('holding', ({ status }) => status === 'holding');
  await people.release();
  await people.result();
  return people.until('the end', ({ status }) => status === 'closed');
}

/** What must be the same wherever the worker was killed: names that differ are taken out. */
function ending(name: string, view: IncidentView) {
  const writes = bench.world.writes.filter((write) => write.split(' ')[0]?.split('-')[0] === name);
  const steps = view.steps.map((step) => ({
    id: step.id,
    action: step.action,
    status: step.status,
    why: step.why,
    changes: step.applied?.changes,
    verdict: step.verification?.verdict,
    undone: step.undone !== undefined,
  }));
  return {
    outcome: view.outcome,
    steps: steps.toSorted((one, other) => (one.id < other.id ? -1 : 1)),
    // Two items are changed at a time: which of them is first is nobody's business.
    writes: writes.map((write) => write.slice(name.length)).toSorted(),
    left: [...bench.world.on].filter((namespace) => namespace.split('-')[0] === name),
  };
}

/** Undone in the opposite order of how it was applied. */
function expectUndoneNewestFirst(name: string): void {
  const of = (verb: string) =>
    bench.world.writes
      .filter((write) => write.endsWith(` ${verb}`) && write.startsWith(`${name}-`))
      .map((write) => write.slice(0, -verb.length - 1));
  expect(of('on').toSorted()).toEqual(changed(name).toSorted());
  const undone = of('off');
  expect(undone[0]).toBe(`${name}-child`);
  expect(undone.at(-1)).toBe(`${name}-beside`);
}

test(
  'wherever a worker is killed, a whole playbook comes to the same end: nothing twice, nothing lost, all of it recorded',
  async () => {
    const { engine, watch } = bench;
    let worker = await bench.work();

    const undisturbed = await open('undisturbed');
    const wanted = ending('undisturbed', await conduct(undisturbed));
    const places = watch.seen(undisturbed.workflowId).length;
    expect(wanted).toMatchObject({
      outcome: 'failed',
      left: [],
      writes: ['', '-beside', '-child', '-x', '-y', '-z'].flatMap((end) => [`${end} off`, `${end} on`]),
    });
    const statuses = Object.fromEntries(wanted.steps.map(({ id, status }) => [id, status]));
    expect(statuses).toMatchObject({
      contain: 'released',
      dial: 'undone',
      'each[0]/turn': 'undone',
      'each[2]/turn': 'undone',
      'part/change': 'undone',
      'part/stop': 'failed',
      part: 'failed',
      after: 'done',
      last: 'done',
    });
    expectUndoneNewestFirst('undisturbed');
    await checkLedger(engine, undisturbed);

    const killedAt = new Set<string>();
    for (let from = 0; from < seeds.length; from += atOnce) {
      const killed = seeds.slice(from, from + atOnce).map((seed) => {
        const nth = 1 + Math.floor(seeded(seed)() * places);
        return { seed, nth, name: `seed${seed}` };
      });
      for (const { name, nth } of killed) {
        watch.stopWhere(idOf(name), (place, count) => {
          // How often people are told can differ by a little: the seal's end is always reached.
          const isPlace = count === nth || place === 'ledger.seal:returning#1';
          if (isPlace) killedAt.add(place);
          return isPlace;
        });
      }
      const incidents = await Promise.all(killed.map(({ name }) => open(name)));
      const stopped = incidents.map((incident, index) => ({
        workflowId: incident.workflowId,
        place: `place ${killed[index]?.nth}`,
        driving: conduct(incident),
      }));
      const gone = await killAllStanding(watch, worker, stopped, () => bench.work());
      worker = gone.worker;
      for (const [index, { name, nth, seed }] of killed.entries()) {
        const result = gone.ended[index];
        const incident = incidents[index];
        if (result?.status !== 'fulfilled' || incident === undefined)
          throw new Error(`seed ${seed}, killed at its place ${nth} of ${places}`, {
            cause: result?.status === 'rejected' ? result.reason : undefined,
          });
        expect({ seed, ...ending(name, result.value) }).toEqual({ seed, ...wanted });
        expectUndoneNewestFirst(name);
        await checkLedger(engine, incident);
      }
      progress(from + killed.length, seeds.length, 'crash');
    }
    reportSoak({ places, 'distinct places of a kill': killedAt.size });
  },
  60_000 + seeds.length * 15_000,
);
