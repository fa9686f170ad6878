import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ActivityFailure, WithStartWorkflowOperation, WorkflowFailedError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { canonical } from '../../domain/json.ts';
import { entryHash, type LedgerEntry } from '../../domain/ledger.ts';
import { acquireUpdate, holdsWorkflow, holdsWorkflowId } from '../../workflows/contract.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { Switchboard } from '../support/switchboard.ts';

/** Somebody may write to Temporal, and has a responder's account: what can they change in the world? */
let engine: Engine;
let native: NativeConnection;
let attacker: Worker;
let attacking: Promise<void>;
const world = new Switchboard();
const actions = [world.action()];

beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions);
  native = await NativeConnection.connect({ address: engine.temporal.address });
  attacker = await Worker.create({
    connection: native,
    taskQueue: 'attacker',
    workflowsPath: fileURLToPath(new URL('../support/hand-written.ts', import.meta.url)),
  });
  attacking = attacker.run();
}, 120_000);
afterAll(async () => {
  attacker?.shutdown();
  await attacking;
  await native?.close();
  await engine.stop();
});

async function whyFailed(incident: OpenIncident): Promise<string> {
  expect(await incident.handle.result()).toBe('failed');
  const entries = await engine.state.ledger.read(incident.incident);
  return JSON.stringify(entries.filter(({ kind }) => kind === 'step.ended'));
}

describe('an input that was altered after the gateway signed its opening', () => {
  test('cannot make somebody else the requester, so that who asked approves', async () => {
    const incident = await engine.open({
      actions,
      namespace: 'self',
      requester: 'ada',
      forge: (input) => ({ ...input, requester: 'falco' }),
    });
    await incident.decide('ada');
    expect(await whyFailed(incident)).toContain('another requester');
    expect(world.on.has('self')).toBe(false);
  });

  test('cannot ask fewer people than the playbook does', async () => {
    const approve = { from: ['responders'], count: 2, withinMs: 60_000, otherwise: 'deny' as const };
    const incident = await engine.open({
      actions,
      namespace: 'fewer',
      steps: [{ approve }],
      forge: (input) => ({
        ...input,
        playbook: {
          ...input.playbook,
          steps: input.playbook.steps.map((step) => ({ ...step, approve: { ...approve, count: 1 } })),
        },
      }),
    });
    await incident.decide('ada');
    expect(await whyFailed(incident)).toContain('other approvals');
    expect(world.on.has('fewer')).toBe(false);
  });

  test('cannot lift the protection of a namespace', async () => {
    const incident = await engine.open({
      actions,
      namespace: 'payments',
      forge: (input) => ({
        ...input,
        policy: { ...input.policy, guardrails: { ...input.policy.guardrails, protectedNamespaces: [] } },
      }),
    });
    await incident.decide('ada');
    expect(await whyFailed(incident)).toContain('is protected');
    expect(world.on.has('payments')).toBe(false);
  });

  test('cannot turn an automatic containment on another namespace', async () => {
    const guardrails = {
      ...engine.policy().guardrails,
      automatic: [{ environments: ['production'], minSeverity: 'low' as const }],
    };
    const elsewhere = { literal: { cluster: 'c1', namespace: 'market' } };
    const incident = await engine.open({
      actions,
      namespace: 'shop',
      mode: 'automatic',
      policy: { guardrails },
      forge: (input) => ({
        ...input,
        playbook: {
          ...input.playbook,
          steps: input.playbook.steps.map((step) => ({ ...step, with: elsewhere })),
        },
      }),
    });
    expect(await whyFailed(incident)).toContain('not where the alert was seen');
    expect(world.on.has('market')).toBe(false);
  });
});

interface Scheduled {
  activity: string;
  activityId: string;
  request: { entries: LedgerEntry[] };
}

/** The activity of a name as an incident's history has it. */
async function scheduled({ workflowId, handle }: OpenIncident, name: string): Promise<Scheduled> {
  const run = engine.client.workflow.getHandle(workflowId, handle.firstExecutionRunId);
  for (const { activityTaskScheduledEventAttributes: found } of (await run.fetchHistory()).events ?? []) {
    const [payload] = found?.input?.payloads ?? [];
    if (found?.activityType?.name !== name || payload === undefined || payload === null) continue;
    return {
      activity: name,
      activityId: found.activityId ?? '',
      request: defaultPayloadConverter.fromPayload(payload),
    };
  }
  throw new Error(`${name} was never scheduled`);
}

/** Schedules an activity from a workflow of the attacker's own. */
async function schedule(workflowId: string, forged: Scheduled): Promise<string> {
  const run = engine.client.workflow.execute('incident', {
    workflowId,
    taskQueue: 'attacker',
    args: [{ ...forged, taskQueue: engine.taskQueue }],
  });
  try {
    await run;
  } catch (error) {
    if (error instanceof WorkflowFailedError && error.cause instanceof ActivityFailure)
      return error.cause.cause?.message ?? '';
    throw error;
  }
  return 'it was done';
}

describe('an activity that somebody scheduled by hand', () => {
  test('cannot use the approvals of a closed incident again, which would let go of what its successor holds', async () => {
    const before = await engine.open({ actions, namespace: 'replayed' });
    await before.decide('ada');
    await before.until(({ status }) => status === 'holding');
    await before.release();
    expect(await before.handle.result()).toBe('released');
    const after = await engine.open({ actions, namespace: 'replayed' });
    await after.decide('ada');
    await after.until(({ status }) => status === 'holding');

    const undo = await scheduled(before, 'test.switch.undo');
    expect(await schedule(before.workflowId, undo)).toContain('the incident is closed');
    expect(await schedule('incident/0000000000000000', undo)).toContain('entries of another incident');
    expect(world.on.has('replayed')).toBe(true);
    await after.release();
    await after.handle.result();
  });

  test('cannot write into the ledger of an open incident, which would end it', async () => {
    const incident = await engine.open({ actions, namespace: 'spoilt' });
    await incident.decide('ada');
    await incident.until(({ status }) => status === 'holding');
    const { entries } = (await scheduled(incident, 'test.switch.apply')).request;
    const { count } = (await incident.view()).ledger;
    const [last] = entries.slice(-1);
    if (last === undefined) throw new Error('no entries');
    const next = { ...last, seq: count + 1, prev: last.hash };
    const forged = { ...next, hash: entryHash(next) };
    expect(
      await schedule('incident/0000000000000001', {
        activity: 'ledger.record',
        activityId: `record/${forged.seq}/${forged.hash}`,
        request: { entries: [forged] },
      }),
    ).toContain('entries of another incident');
    await incident.release();
    expect(await incident.handle.result()).toBe('released');
  });

  test('changes nothing without its entry in the ledger', async () => {
    const incident = await engine.open({ actions, namespace: 'unrecorded' });
    await incident.decide('ada');
    await incident.until(({ status }) => status === 'holding');
    const apply = await scheduled(incident, 'test.switch.apply');
    world.on.delete('unrecorded');
    await incident.handle.terminate('the attacker wants its id');
    const { workflowId } = incident;
    const bare = { ...apply, request: { ...apply.request, entries: [] } };
    expect(await schedule(workflowId, bare)).toContain('does not carry the ledger entry');
    const [first, ...rest] = apply.request.entries;
    const told = first ?? rest[0];
    if (told === undefined) throw new Error('no entries');
    const other = { ...told, kind: 'alert.joined' };
    const forged = { ...other, hash: entryHash(other) };
    expect(
      await schedule(workflowId, {
        ...apply,
        activityId: `apply/${forged.seq}/${forged.hash}`,
        request: { ...apply.request, entries: [forged] },
      }),
    ).not.toBe('it was done');
    expect(world.on.has('unrecorded')).toBe(false);
  });
});

test('a base that somebody planted in the holds is neither applied nor restored', async () => {
  const planted = await engine.state.evidence.put(
    canonical({ on: false, planted: true }),
    'application/json',
  );
  const target = 'test.switch:Namespace/uid-planted';
  await engine.client.workflow.executeUpdateWithStart(acquireUpdate, {
    args: [
      { cluster: 'c1', target, incident: 'inc-attacker', step: 's1' },
      planted,
      new Date(Date.now() + 60_000).toISOString(),
    ],
    startWorkflowOperation: new WithStartWorkflowOperation(holdsWorkflow, {
      workflowId: holdsWorkflowId('c1'),
      taskQueue: engine.taskQueue,
      args: [{ cluster: 'c1', targets: {} }],
      workflowIdConflictPolicy: 'USE_EXISTING',
    }),
  });
  const incident = await engine.open({ actions, namespace: 'planted' });
  await incident.decide('ada');
  expect(await whyFailed(incident)).toContain('no snapshot that was taken of this target');
  expect(world.on.has('planted')).toBe(false);
});
