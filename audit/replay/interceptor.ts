import { claimed } from '../claimed.ts';
import { proxySinks, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow';
import type { Json } from '../../domain/json.ts';

/**
 * What a replay hands out: each activity as the workflow schedules it, before anything of the history is compared; and what it hands on to a next run, which the
 * SDK compares with nothing.
 */
export interface CaptureSinks extends Sinks {
  capture: {
    activity(id: string, type: string, entries: Json): void;
    continued(args: Json): void;
  };
}

const { capture } = proxySinks<CaptureSinks>();

/** Bundled with the workflow for a replay only. It awaits nothing before `next`, so that the workflow does what it did. */
export function interceptors(): WorkflowInterceptors {
  return {
    outbound: [
      {
        scheduleActivity(input, next) {
          const request = claimed<{ entries?: Json } | undefined>(input.args[0]);
          capture.activity(input.options.activityId ?? '', input.activityType, request?.entries ?? []);
          return next(input);
        },
        continueAsNew(input, next) {
          capture.continued(claimed(input.args));
          return next(input);
        },
      },
    ],
  };
}
