import type { Client } from '@temporalio/client';
import { Worker, type NativeConnection } from '@temporalio/worker';
import { holdActivities } from '../activities/holds/index.ts';
import { ledgerActivities, sealName } from '../activities/ledger/index.ts';
import { slackActivities, type SlackActivityOptions } from '../activities/slack/index.ts';
import type { Action } from '../domain/action.ts';
import type { State } from '../stores/index.ts';
import type { WorkflowBundle } from './bundle.ts';
import { heartbeating, recorded, verbActivities, type VerbOptions } from './verbs.ts';

export interface WorkerOptions {
  connection: NativeConnection;
  client: Client;
  namespace: string;
  taskQueue: string;
  bundle: WorkflowBundle;
  actions: readonly Action[];
  state: State;
  slack: SlackActivityOptions;
  /** What changes are judged by, beside the gateway's key. */
  house: Omit<VerbOptions['house'], 'gatewayKeys'>;
  atBoundary?: NonNullable<VerbOptions['atBoundary']>;
}

/** A worker for incidents and holds, with every activity they use. */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  const { actions, bundle, client, connection, namespace, state, taskQueue } = options;
  const verbs: VerbOptions = {
    ledger: state.ledger,
    evidence: state.evidence,
    killSwitch: state.killSwitch,
    house: { ...options.house, gatewayKeys: [state.gatewaySigner.publicKey] },
    snapshots: state.snapshots,
    intents: state.intents,
    isSealed: async (incident) => (await state.seals.get(sealName(incident))) !== undefined,
    ...(options.atBoundary === undefined ? {} : { atBoundary: options.atBoundary }),
  };
  const fixed = {
    ...slackActivities(options.slack),
    ...holdActivities(client, taskQueue),
    ...ledgerActivities({
      seals: state.seals,
      signer: state.ledgerSigner,
      gatewayKeys: [state.gatewaySigner.publicKey],
      workflowBundle: bundle.digest,
    }),
  };
  const wrapped = Object.entries(fixed).map(
    ([name, activity]) =>
      [name, heartbeating(recorded(verbs, activity as (request: never) => Promise<unknown>))] as const,
  );
  return Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: bundle.code,
    activities: { ...Object.fromEntries(wrapped), ...verbActivities(actions, verbs) },
    // After a worker is killed, its sticky queue is waited for this long: the default of 10 s is most of the recovery.
    stickyQueueScheduleToStartTimeout: '1s',
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: '5s',
    shutdownForceTime: '15s',
  });
}
