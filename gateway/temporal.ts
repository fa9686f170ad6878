import {
  isGrpcDeadlineError,
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client';
import {
  ApplicationFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/common';
import type { IncidentView } from '../domain/incident.ts';
import {
  alertsSignal,
  closingMemo,
  commandUpdate,
  decideUpdate,
  incidentWorkflow,
  refusedType,
  statusQuery,
} from '../workflows/contract.ts';
import {
  AlreadyOpen,
  NotOpen,
  Refused,
  TemporalUnavailable,
  WorkerUnavailable,
  type IncidentPort,
} from './temporal-port.ts';

export interface TemporalOptions {
  client: Client;
  taskQueue: string;
  /** Milliseconds for a call that only the server answers, and for one that a worker answers. */
  temporalMs: number;
  workerMs: number;
}

/**
 * For `Connection.lazy`: without it, gRPC waits up to two minutes after an outage before it tries again, and the gateway would go on answering 503.
 */
export const reconnectQuickly = {
  channelArgs: { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1_000 },
};

/** gRPC's code for a question that no worker took in time. */
const failedPrecondition = 9;
/** Added to a deadline: an attempt to connect may outlast the deadline of the call that it serves. */
const graceMs = 250;

/** The gateway's view of Temporal over the SDK's client. */
export function createIncidentPort({
  client,
  taskQueue,
  temporalMs,
  workerMs,
}: TemporalOptions): IncidentPort {
  const { workflow } = client;

  async function bounded<T>(ms: number, call: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new TemporalUnavailable('no answer in time')), ms + graceMs);
    });
    try {
      return await Promise.race([client.connection.withDeadline(Date.now() + ms, call), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** For calls that the server answers by itself. */
  const ask = <T>(call: () => Promise<T>): Promise<T> =>
    bounded(temporalMs, call).catch((error: unknown) => {
      throw translated(error);
    });

  /** For calls that need a worker: past the deadline, the server is asked which of the two is missing. */
  const askWorker = <T>(call: () => Promise<T>): Promise<T> =>
    bounded(workerMs, call).catch(async (error: unknown) => {
      const known = translated(error);
      if (!(known instanceof TemporalUnavailable)) throw known;
      throw (await reachable())
        ? new WorkerUnavailable('no worker answered in time', { cause: error })
        : known;
    });

  async function reachable(): Promise<boolean> {
    try {
      await bounded(Math.min(temporalMs, 2_000), () =>
        client.connection.workflowService.describeNamespace({ namespace: client.options.namespace }),
      );
      return true;
    } catch {
      // Why does not matter here: not now.
      return false;
    }
  }

  const update = (name: string) => async (workflowId: string, updateId: string, argument: object) => {
    await askWorker(() =>
      workflow.getHandle(workflowId).executeUpdate<unknown, [object]>(name, { updateId, args: [argument] }),
    );
  };

  return {
    start: (workflowId, input, firstAlert) =>
      ask(async () => {
        const handle = await workflow.start(incidentWorkflow, {
          workflowId,
          taskQueue,
          args: [input],
          memo: { incident: input.incident, alert: firstAlert },
          workflowIdConflictPolicy: 'FAIL',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        });
        return handle.firstExecutionRunId;
      }),

    describe: (workflowId) =>
      ask(async () => {
        const found = await workflow.getHandle(workflowId).describe();
        const { incident, alert, [closingMemo]: closing } = found.memo ?? {};
        if (typeof incident !== 'string' || typeof alert !== 'string') return undefined;
        return {
          incident,
          runId: found.runId,
          open: found.status.name === 'RUNNING',
          closing: closing === true,
          events: found.historyLength,
          bytes: found.historySize ?? 0,
          firstAlert: alert,
        };
      }).catch((error: unknown) => {
        if (error instanceof NotOpen) return undefined;
        throw error;
      }),

    signal: (workflowId, runId, alerts) =>
      ask(() => workflow.getHandle(workflowId, runId).signal(alertsSignal, alerts)),

    status: (workflowId) => askWorker(() => workflow.getHandle(workflowId).query<IncidentView>(statusQuery)),
    decide: update(decideUpdate),
    command: update(commandUpdate),

    listOpen: (limit) =>
      ask(async () => {
        const incidents: string[] = [];
        const query = `WorkflowType = '${incidentWorkflow}' AND ExecutionStatus = 'Running'`;
        for await (const { memo } of workflow.list({ query, pageSize: limit })) {
          if (typeof memo?.['incident'] === 'string') incidents.push(memo['incident']);
          if (incidents.length >= limit) break;
        }
        return incidents;
      }),

    reachable,
  };
}

/** The SDK's errors in the port's terms; what is none of them passes as it is. */
function translated(error: unknown): unknown {
  if (error instanceof WorkflowExecutionAlreadyStartedError) return new AlreadyOpen(error.message);
  if (error instanceof WorkflowNotFoundError) return new NotOpen(error.message);
  if (error instanceof WorkflowUpdateFailedError) return refusal(error);
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcDeadlineError(error)) {
    return new TemporalUnavailable('no answer in time', { cause: error });
  }
  const grpc = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(grpc)) {
    const code: number = grpc.code;
    return code === failedPrecondition
      ? new WorkerUnavailable(grpc.details, { cause: error })
      : new TemporalUnavailable(grpc.details, { cause: error });
  }
  return error;
}

function refusal(error: WorkflowUpdateFailedError): unknown {
  const { cause } = error;
  if (!(cause instanceof ApplicationFailure)) return error;
  // The server's own words for an Update that came too late.
  if (cause.type !== refusedType) {
    return cause.type === 'AcceptedUpdateCompletedWorkflow' ? new NotOpen(cause.message) : error;
  }
  const [, code, message] = /^(FB\d{4}): (.*)$/s.exec(cause.message) ?? [];
  return new Refused(message ?? cause.message, code);
}
