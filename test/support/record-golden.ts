/**
 * Records golden histories: `node test/support/record-golden.ts [case …]`. One folder a case and version, `test/replay/golden/<case>-<version>/`, with
 * the history and the ledger. A folder that exists is never written again: a workflow change must replay it, or be a `patched()` one.
 */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyText } from '../../audit/history.ts';
import type { Action } from '../../domain/action.ts';
import type { Cancellation } from '../../domain/decision.ts';
import { canonical } from '../../domain/json.ts';
import type { ActionStep, Step } from '../../language/run/playbook.ts';
import { alertsSignal } from '../../workflows/contract.ts';
import { alertFor } from './alert.ts';
import { Engine, type OpenIncident } from './engine.ts';
import { act, at, oneResponder, onItem } from './steps.ts';
import { Switchboard } from './switchboard.ts';

const golden = fileURLToPath(new URL('../replay/golden/', import.meta.url));
const world = new Switchboard();
const actions: Action[] = [
  world.action(),
  world.action('test.read', false),
  { ...world.action('test.change'), effect: 'reversible', holds: false },
  { ...world.action('test.restore'), effect: 'reversible', holds: false, undoApproval: 'own' },
];
const read = (id: string, over: Partial<ActionStep> = {}): ActionStep => act(id, 'test.read', at(id), over);
const change = (id: string, over: Partial<ActionStep> = {}): ActionStep =>
  act(id, 'test.change', at(id), { undo: 'on-failure', ...over });
const held = (incident: OpenIncident) => incident.until(({ status }) => status === 'holding');

/** Each runs an incident to its end. Between them they go through every part of the workflow. */
const cases: { [name: string]: (engine: Engine) => Promise<OpenIncident> } = {
  async released(engine) {
    const incident = await engine.open({
      actions,
      namespace: 'released',
      steps: [{}, { uses: 'test.read' }],
    });
    await incident.decide('ada');
    await held(incident);
    await incident.release();
    return incident;
  },
  async denied(engine) {
    const incident = await engine.open({ actions, namespace: 'denied' });
    await incident.decide('ada', { verdict: 'deny', reason: 'a drill' });
    return incident;
  },
  async expired(engine) {
    const approve = { from: ['responders'], count: 1, withinMs: 300, otherwise: 'escalate' as const };
    return engine.open({ actions, namespace: 'expired', steps: [{ approve }] });
  },
  async 'two-persons'(engine) {
    const approve = { from: ['responders'], count: 2, withinMs: 60_000, otherwise: 'deny' as const };
    const incident = await engine.open({ actions, namespace: 'two', steps: [{ approve }] });
    await incident.decide('ada');
    await incident.decide('ben');
    await held(incident);
    await incident.release();
    return incident;
  },
  async 'taken-over'(engine) {
    const incident = await engine.open({ actions, namespace: 'taken' });
    await incident.decide('ada');
    await held(incident);
    await incident.command('ada', 'takeover');
    world.gone.add('taken');
    await incident.command('ada', 'handback');
    return incident;
  },
  async 'failed-then-released'(engine) {
    world.verdict = 'failed';
    const incident = await engine.open({ actions, namespace: 'failed' });
    await incident.decide('ada');
    await incident.until(({ steps }) => steps[0]?.status === 'failed');
    world.verdict = 'verified';
    await incident.release();
    return incident;
  },
  simulated: (engine) => engine.open({ actions, namespace: 'simulated', mode: 'simulate' }),
  refused: (engine) => engine.open({ actions, namespace: 'kube-system' }),

  async 'undo-asked'(engine) {
    const incident = await play(engine, [
      act('first', 'test.restore', at('first'), { undo: 'ask' }),
      act('second', 'test.restore', at('second'), { undo: 'ask', needs: ['first'] }),
      { kind: 'fail', id: 'stop', message: { literal: 'a drill' }, needs: ['second'] },
    ]);
    for (const gate of ['first', 'second', 'second/undo']) await incident.decide('ada', { gate });
    await incident.decide('ben', { gate: 'first/undo', verdict: 'deny', reason: 'a drill' });
    return incident;
  },

  async 'undo-kept'(engine) {
    world.foreign.add('kept');
    const incident = await play(engine, [
      change('kept'),
      { kind: 'fail', id: 'stop', message: { literal: 'a drill' }, needs: ['kept'] },
    ]);
    await incident.decide('ada', { gate: 'kept' });
    return incident;
  },

  // A kind of step each.
  parallel: (engine) =>
    play(engine, [
      {
        kind: 'parallel',
        id: 'both',
        needs: [],
        branches: [
          { name: 'left', steps: [read('left')] },
          { name: 'right', steps: [read('right')] },
        ],
        outputs: { left: { cel: 'steps.left.outputs.done' } },
      },
    ]),
  foreach: (engine) =>
    play(engine, [
      {
        kind: 'foreach',
        id: 'each',
        needs: [],
        items: { literal: ['one', 'two', 'three'] },
        maxItems: 3,
        maxParallel: 2,
        steps: [act('look', 'test.read', onItem())],
        outputs: { at: { cel: 'index' } },
      },
    ]),
  switch: (engine) =>
    play(engine, [
      {
        kind: 'switch',
        id: 'which',
        needs: [],
        on: { cel: 'incident.severity' },
        cases: [{ value: 'critical', steps: [read('critical')] }],
        default: [read('calm')],
        outputs: {},
      },
    ]),
  while: (engine) =>
    play(engine, [
      {
        kind: 'while',
        id: 'again',
        needs: [],
        condition: { cel: 'round < 2' },
        maxRounds: 5,
        delayMs: 50,
        steps: [read('look')],
        outputs: { seen: { cel: 'round' } },
      },
    ]),
  wait: (engine) =>
    play(engine, [
      { kind: 'wait', id: 'pause', forMs: 100, needs: [] },
      {
        kind: 'wait',
        id: 'until_so',
        needs: ['pause'],
        until: {
          condition: { cel: "reading.verdict == 'verified'" },
          uses: 'test.read',
          with: at('until_so'),
          everyMs: 100,
          withinMs: 5_000,
        },
      },
    ]),
  async questions(engine) {
    const incident = await play(engine, [
      { kind: 'approve', id: 'go', needs: [], question: { literal: 'Go on?' }, approve: oneResponder },
      {
        kind: 'ask',
        id: 'facts',
        needs: ['go'],
        question: { literal: 'How many?' },
        from: ['responders'],
        withinMs: 60_000,
        fields: { hosts: { type: 'integer', title: 'Hosts' } },
      },
      { kind: 'set', id: 'known', needs: ['facts'], values: { hosts: { cel: 'steps.facts.outputs.hosts' } } },
      { kind: 'end', id: 'over', needs: ['known'], why: { literal: 'enough is known' } },
      read('never', { needs: ['over'] }),
    ]);
    await incident.decide('ada', { gate: 'go' });
    await incident.decide('ben', { gate: 'facts', answers: { hosts: 2 } });
    return incident;
  },
  async 'child-undone'(engine) {
    const incident = await engine.open({
      actions,
      namespace: 'child',
      playbook: {
        steps: [{ kind: 'playbook', id: 'inner', needs: [], playbook: 'T-2', with: { literal: {} } }],
        onFailure: [read('handled')],
        always: [read('always')],
        children: {
          'T-2': {
            id: 'T-2',
            name: 'Child',
            version: 1,
            description: '',
            inputs: {},
            steps: [
              change('first'),
              change('second', { needs: ['first'] }),
              { kind: 'fail', id: 'broken', needs: ['second'], message: { literal: 'on purpose' } },
            ],
          },
        },
      },
    });
    await incident.decide('ada', { gate: 'inner/first' });
    await incident.decide('ada', { gate: 'inner/second' });
    return incident;
  },
  async retried(engine) {
    // Without a stack: a history that is committed names no path of the machine that made it.
    const failure = Object.assign(new Error('not now'), { stack: 'Error: not now' });
    world.failures.push(failure, failure, failure);
    return play(engine, [
      read('flaky', {
        retry: { attempts: 2, delayMs: 50, backoff: 1 },
        onFailure: [{ kind: 'set', id: 'noted', needs: [], values: { why: { cel: 'failure.why' } } }],
      }),
    ]);
  },
  'timed-out': (engine) =>
    play(engine, [
      { kind: 'wait', id: 'long', forMs: 60_000, timeoutMs: 100, continueOnError: true, needs: [] },
      read('after', { needs: ['long'] }),
    ]),
  'cancelled-stop': (engine) => cancelled(engine, 'stop'),
  'cancelled-undo': (engine) => cancelled(engine, 'undo'),
  async 'cancelled-hold'(engine) {
    const incident = await cancelled(engine, 'hold');
    await incident.until(({ steps }) =>
      steps.some(({ id, status }) => id === 'pause' && status === 'cancelled'),
    );
    await incident.command('ben', 'cancel', 'and now undo it', 'undo');
    return incident;
  },
  async phase(engine) {
    const phase = { id: 'revoke', title: 'Revoke it' };
    const incident = await engine.open({
      actions,
      namespace: 'first',
      playbook: {
        steps: [
          act('first', 'test.switch', at('first'), { phase, approve: oneResponder }),
          change('second', { needs: ['first'], phase, approve: oneResponder }),
        ],
      },
    });
    await incident.decide('ada', { gate: 'revoke' });
    await held(incident);
    await incident.release();
    return incident;
  },
  async 'cancelled-undo-contained'(engine) {
    const incident = await engine.open({
      actions,
      namespace: 'beside',
      playbook: {
        steps: [
          act('contain', 'test.switch', at('beside')),
          change('after', { needs: ['contain'] }),
          { kind: 'wait', id: 'pause', forMs: 60_000, needs: ['after'] },
        ],
        always: [read('last')],
      },
    });
    await incident.decide('ada', { gate: 'contain' });
    await incident.decide('ada', { gate: 'after' });
    await incident.until(({ steps }) =>
      steps.some(({ id, status }) => id === 'pause' && status === 'running'),
    );
    await incident.command('ada', 'cancel', 'a drill', 'undo');
    await incident.decide('ben', { gate: 'release' });
    return incident;
  },
  async 'noted-quietly'(engine) {
    const incident = await engine.open({ actions, namespace: 'quiet' });
    await incident.decide('ada');
    const { ledger } = await held(incident);
    await incident.handle.signal(alertsSignal, [alertFor('quiet', 'falco', 'later')]);
    await incident.until(({ ledger: { count } }) => count > ledger.count);
    await incident.release();
    return incident;
  },
  async 'kept-reminded'(engine) {
    const incident = await engine.open({
      actions,
      namespace: 'reminded',
      policy: { holdMs: 300 },
      playbook: { steps: [{ kind: 'wait', id: 'pause', forMs: 60_000, needs: [] }] },
    });
    await incident.until(({ steps }) =>
      steps.some(({ id, status }) => id === 'pause' && status === 'running'),
    );
    await incident.command('ada', 'cancel', 'a drill', 'hold');
    const { ledger } = await incident.until(({ steps }) =>
      steps.some(({ id, status }) => id === 'pause' && status === 'cancelled'),
    );
    await incident.until(({ ledger: { count } }) => count >= ledger.count + 4);
    await incident.command('ben', 'cancel', 'enough', 'stop');
    return incident;
  },
};

function play(engine: Engine, steps: Step[]): Promise<OpenIncident> {
  return engine.open({ actions, namespace: 'kinds', playbook: { steps } });
}

async function cancelled(engine: Engine, then: Cancellation): Promise<OpenIncident> {
  const id = `change_${then}`;
  const incident = await play(engine, [
    change(id),
    { kind: 'wait', id: 'pause', forMs: 60_000, needs: [id] },
  ]);
  await incident.decide('ada', { gate: id });
  await incident.until(({ steps }) => steps.some((step) => step.id === 'pause' && step.status === 'running'));
  await incident.command('ada', 'cancel', 'a drill', then);
  return incident;
}

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(cases);
const engine = await Engine.start();
try {
  await engine.work(actions);
  for (const name of wanted) {
    const dir = join(golden, `${name}-${version}`);
    const run = cases[name];
    if (run === undefined) throw new RangeError(`no case ${name}: ${Object.keys(cases).join(', ')}`);
    if (
      await access(dir).then(
        () => true,
        () => false,
      )
    ) {
      console.log(`${name}-${version} is there already`);
      continue;
    }
    const incident = await run(engine);
    const outcome = await incident.handle.result();
    const entries = await engine.state.ledger.read(incident.incident);
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'history.json'), historyText(await incident.handle.fetchHistory()));
    await writeFile(join(dir, 'ledger.jsonl'), entries.map((entry) => `${canonical(entry)}\n`).join(''));
    console.log(`${name}-${version}: ${String(outcome)}, ${entries.length} entries`);
  }
} finally {
  await engine.stop();
}
