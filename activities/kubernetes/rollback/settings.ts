import { isObject, type Json, type JsonObject } from '../../../domain/json.ts';
import { sizeOf, type Workload } from '../workload/kinds.ts';

/** Fields of `spec` that decide how far a change of the template goes. Absent ones as the API's defaults, so that they can be put back. */
export type Settings = JsonObject;

/** A year: no pod is available so soon that another one would follow. */
const NEVER_AVAILABLE_SECONDS = 31_536_000;
/** None, as the controller reads it (deployment/util HasProgressDeadline). It must be more than the above. */
const NO_DEADLINE_SECONDS = 2_147_483_647;

export function settingsOf({ kind, spec = {} }: Workload): Settings {
  if (kind === 'CronJob') return {};
  if (kind !== 'Deployment')
    return { updateStrategy: json(spec.updateStrategy ?? { type: 'RollingUpdate' }) };
  const { strategy = { type: 'RollingUpdate' }, minReadySeconds = 0, progressDeadlineSeconds = 600 } = spec;
  return {
    strategy: json(strategy),
    minReadySeconds,
    progressDeadlineSeconds,
    paused: spec.paused ?? false,
  };
}

/**
 * Lets exactly one pod be new. A Deployment surges by one that never counts as available, so none is taken down for it; a StatefulSet is parted below its last
 * ordinal; a DaemonSet replaces what is deleted only.
 */
export function oneNew(workload: Workload, was: Settings): Settings {
  if (workload.kind === 'Deployment') return { ...was, ...tight(1) };
  return stopped(workload, was, 1);
}

/** How far a rollout is. */
export interface Progress {
  /** Pods of a StatefulSet that are new or on their way. */
  updated: number;
  /** Pods that the ReplicaSets of a Deployment are to have together. */
  total: number;
}

/** Stops a rollout where it is. */
export function heldAt(workload: Workload, was: Settings, { updated, total }: Progress): Settings {
  if (workload.kind !== 'Deployment') return stopped(workload, was, Math.max(1, updated));
  // A paused Deployment is brought to its size and surge: they must be what there is, or pods of both sorts are made, or taken down.
  return { ...was, ...tight(Math.max(0, total - sizeOf(workload))), paused: true };
}

function tight(maxSurge: number): Settings {
  return {
    strategy: {
      type: 'RollingUpdate',
      // The API refuses none of either.
      rollingUpdate: { maxSurge, maxUnavailable: maxSurge === 0 ? 1 : 0 },
    },
    minReadySeconds: NEVER_AVAILABLE_SECONDS,
    progressDeadlineSeconds: NO_DEADLINE_SECONDS,
    paused: false,
  };
}

function stopped(workload: Workload, was: Settings, updated: number): Settings {
  if (workload.kind === 'DaemonSet') return { updateStrategy: { type: 'OnDelete' } };
  const { updateStrategy } = was;
  const rolling = isObject(updateStrategy) ? updateStrategy['rollingUpdate'] : undefined;
  const partition = Math.max(0, sizeOf(workload) - updated);
  return {
    updateStrategy: {
      type: 'RollingUpdate',
      rollingUpdate: { ...(isObject(rolling) ? rolling : {}), partition },
    },
  };
}

function json(value: object): Json {
  const copy: Json = JSON.parse(JSON.stringify(value));
  return copy;
}
