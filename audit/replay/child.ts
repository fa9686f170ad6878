/** Entry of the replaying process: takes one ReplayRequest over IPC, answers one ReplayAnswer, and ends. */
import { claimed } from '../claimed.ts';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker, type InjectedSinks } from '@temporalio/worker';
import type { CaptureSinks } from './interceptor.ts';
import type { CapturedActivity, ReplayAnswer, ReplayRequest } from './messages.ts';

async function replay({ codePath, workflowId, history }: ReplayRequest): Promise<ReplayAnswer> {
  // What a hostile history makes the SDK say is in the answer; a log of it would be noise.
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
  const activities: CapturedActivity[] = [];
  let continued: Pick<ReplayAnswer, 'continued'> = {};
  const sinks: InjectedSinks<CaptureSinks> = {
    capture: {
      activity: {
        fn(_info, id, type, entries) {
          activities.push({ id, type, entries: claimed(entries) });
        },
        callDuringReplay: true,
      },
      continued: {
        fn(_info, args) {
          // As the SDK's own converter writes them into the history.
          continued = { continued: claimed<unknown[]>(args).map((arg) => JSON.stringify(arg)) };
        },
        callDuringReplay: true,
      },
    },
  };
  try {
    await Worker.runReplayHistory({ workflowBundle: { codePath }, sinks }, JSON.parse(history), workflowId);
    return { activities, ...continued };
  } catch (error) {
    const kind = error instanceof DeterminismViolationError ? 'determinism' : 'replay';
    const message = error instanceof Error ? error.message : String(error);
    return { activities, ...continued, failure: { kind, message: message.slice(0, 2_000) } };
  }
}

process.once('message', (request: ReplayRequest) => {
  void replay(request).then((answer) => process.send?.(answer, () => process.disconnect()));
});
