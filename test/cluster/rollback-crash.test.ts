import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RollbackRun, RollbackSays } from '../support/rollback-process.ts';
import type { RollbackKind } from '../../activities/kubernetes/workload/kinds.ts';
import type { Applied, Undone } from '../../domain/action.ts';
import type { Intents } from '../support/action-context.ts';
import { changesBy } from '../support/audit-log.ts';
import { engineUser } from '../support/quarantine-house.ts';
import {
  deployed,
  openRollbackHouse,
  pinned,
  suspectImage,
  type RollbackHouse,
  type Subject,
} from '../support/rollback-house.ts';

let house: RollbackHouse;
beforeAll(async () => {
  house = await openRollbackHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

class Killed extends Error {}

/** Runs a verb again and again: each attempt dies at the first boundary that none has died at. */
async function killedEverywhere<T extends Applied | Undone>(
  subject: Subject,
  verb: (context: ReturnType<Subject['context']>) => Promise<T>,
): Promise<{ result: T; killedAt: string[] }> {
  const intents: Intents = new Map();
  const killedAt: string[] = [];
  for (;;) {
    const passed = new Set(killedAt);
    const atBoundary = (name: string) => {
      // Generated names differ from one pod to the next.
      const boundary = name.replace(/pods\/\S+/, 'pods/one');
      if (passed.has(boundary)) return;
      killedAt.push(boundary);
      throw new Killed(boundary);
    };
    try {
      return { result: await verb(subject.context({ atBoundary, intents })), killedAt };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

/** What the engine has written since, pods of a DaemonSet by no name. */
async function changesSince(earlier: number): Promise<string[]> {
  const all = await changesBy(house.kubernetes.auditLogFile, engineUser);
  return all.slice(earlier).map((change) => change.replace(/pods\/\S+/, 'pods/one'));
}

test.each<[RollbackKind, string, string[]]>([
  ['Deployment', 'deployments', []],
  ['StatefulSet', 'statefulsets', []],
  ['DaemonSet', 'daemonsets', ['delete pods/one']],
])(
  'a %s: killed at every boundary of canary, rollback and undo, it ends the same, and nothing is written twice',
  async (kind, plural, deleted) => {
    const { subject, to } = await deployed(house, kind, `killed-${plural}`);
    const before = await subject.read();
    const what = `${plural}/killed-${plural}/web`;
    const patched = `patch ${plural}/web`;
    const written = async () => (await changesBy(house.kubernetes.auditLogFile, engineUser)).length;

    const tried = await subject.plan(house.canary, to);
    let earlier = await written();
    const canary = await killedEverywhere(subject, (context) => house.canary.apply(context, tried.mandate));
    expect(canary.killedAt).toEqual(
      expect.arrayContaining([
        `begin ${what}`,
        `begin: wrote ${what}`,
        `hold ${what}`,
        `hold: wrote ${what}`,
        ...(deleted.length === 0
          ? []
          : [`intended one pod of ${what}`, 'replace pods/one', 'replace: deleted pods/one']),
      ]),
    );
    expect(await changesSince(earlier)).toEqual([patched, ...deleted, patched]);
    const one = (await subject.running()).filter((image) => image === pinned.app);
    expect(one).toHaveLength(1);
    expect(canary.result.outputs).toMatchObject({ podCount: 1 });
    expect(await house.canary.verify(subject.context(), tried.mandate)).toMatchObject({
      verdict: 'verified',
    });

    earlier = await written();
    const back = await killedEverywhere(subject, (context) => house.canary.undo(context, tried.mandate));
    expect(back.killedAt).toEqual(expect.arrayContaining([`undo ${what}`, `undo: wrote ${what}`]));
    expect(back.result).toMatchObject({ already: 1, conflicts: [] });
    expect(await changesSince(earlier)).toEqual([patched]);
    expect((await subject.read()).spec).toEqual(before.spec);
    expect(await subject.running()).toEqual([suspectImage, suspectImage, suspectImage]);

    const { mandate } = await subject.plan(house.workload, to);
    earlier = await written();
    const whole = await killedEverywhere(subject, (context) => house.workload.apply(context, mandate));
    expect(whole.killedAt).toEqual(expect.arrayContaining([`go on ${what}`, `go on: wrote ${what}`]));
    expect(await changesSince(earlier)).toEqual([patched, ...deleted, patched, patched]);
    expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
    const { spec } = await subject.read();
    expect({ ...spec, template: null }).toEqual({ ...before.spec, template: null });
    expect(await house.workload.verify(subject.context(), mandate)).toMatchObject({ verdict: 'verified' });

    earlier = await written();
    await killedEverywhere(subject, (context) => house.workload.undo(context, mandate));
    expect(await changesSince(earlier)).toEqual([patched]);
    const after = await subject.read();
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.annotations?.['firebreak.dev/rollback']).toBeUndefined();
    expect(await subject.running()).toEqual([suspectImage, suspectImage, suspectImage]);
  },
  180_000,
);

test.each<[RollbackKind]>([['Deployment'], ['DaemonSet']])(
  'two workers at once on a %s are as one',
  async (kind) => {
    const { subject, to } = await deployed(house, kind, `twice-${kind.toLowerCase()}`);
    const { mandate } = await subject.plan(house.canary, to);
    const intents: Intents = new Map();
    const both = await Promise.all(
      [1, 2].map(() => house.canary.apply(subject.context({ intents }), mandate)),
    );
    const [first, second] = both.map(({ outputs }) => outputs['pods']);
    expect(first).toEqual(second);
    expect((await subject.running()).filter((image) => image === pinned.app)).toHaveLength(1);
    const rest = await subject.plan(house.workload, to);
    await Promise.all([1, 2].map(() => house.workload.apply(subject.context({ intents }), rest.mandate)));
    expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
    await Promise.all([1, 2].map(() => house.workload.undo(subject.context({ intents }), rest.mandate)));
    expect(await subject.running()).toEqual([suspectImage, suspectImage, suspectImage]);
  },
  120_000,
);

/** Runs a verb in processes of their own: each gets SIGKILL at the first boundary where none did. */
async function killedForGood(run: RollbackRun): Promise<string[]> {
  const entry = fileURLToPath(new URL('../support/rollback-process.ts', import.meta.url));
  const killedAt: string[] = [];
  for (;;) {
    const passed = new Set(killedAt);
    const child = fork(entry, [], {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const exited = once(child, 'exit');
    const ended = new Promise<RollbackSays>((resolve) => {
      child.on('message', (said: RollbackSays) => {
        if (!('at' in said)) return resolve(said);
        const boundary = said.at.replace(/pods\/\S+/, 'pods/one');
        if (passed.has(boundary)) return child.send('go');
        killedAt.push(boundary);
        child.kill('SIGKILL');
      });
      void exited.then(() => resolve({ failed: 'killed' }));
    });
    child.send(run);
    const said = await ended;
    child.kill('SIGKILL');
    await exited;
    if ('done' in said) return killedAt;
    if ('failed' in said && said.failed !== 'killed') throw new Error(said.failed);
  }
}

test('SIGKILL at every boundary of a rollback and of its undo: the next process goes on', async () => {
  const { subject, to } = await deployed(house, 'DaemonSet', 'sigkill');
  const before = await subject.read();
  const { mandate } = await subject.plan(house.workload, to);
  const intentsFile = join(house.evidenceDir, '..', 'intents.json');
  writeFileSync(intentsFile, '[]');
  const kubeconfig = await house.kubernetes.kubeconfigFor(engineUser);
  const run = { kubeconfig, evidenceDir: house.evidenceDir, intentsFile, mandate };
  const earlier = (await changesBy(house.kubernetes.auditLogFile, engineUser)).length;
  expect(await killedForGood({ verb: 'apply', ...run })).toEqual(
    expect.arrayContaining([
      'begin: wrote daemonsets/sigkill/web',
      'intended one pod of daemonsets/sigkill/web',
      'replace: deleted pods/one',
      'hold: wrote daemonsets/sigkill/web',
      'go on: wrote daemonsets/sigkill/web',
    ]),
  );
  const patched = 'patch daemonsets/web';
  expect(await changesSince(earlier)).toEqual([patched, 'delete pods/one', patched, patched]);
  expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
  expect(await house.workload.verify(subject.context(), mandate)).toMatchObject({ verdict: 'verified' });
  expect(await killedForGood({ verb: 'undo', ...run })).toContain('undo: wrote daemonsets/sigkill/web');
  expect((await subject.read()).spec).toEqual(before.spec);
  expect(await subject.running()).toEqual([suspectImage, suspectImage, suspectImage]);
}, 180_000);
