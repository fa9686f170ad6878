import { z } from 'zod';
import type { KubernetesObject } from '../resources.ts';

/** Label of pods that are kept as evidence. Whatever its value, nothing here restarts or deletes them. */
const forensicsLabel = 'firebreak.dev/forensics';

/** Pods that must stay as they are, with all pods of their workload. */
export interface Spared {
  pods?: string[] | undefined;
  labels?: { [key: string]: string } | undefined;
}

const podName = z.string().min(1).max(253);

/** The part of an action's input that names suspect pods. */
export const suspects = z
  .strictObject({
    pods: z.array(podName).max(500).exactOptional().describe('Names of pods'),
    labels: z
      .record(z.string().min(1).max(317), z.string().max(63))
      .refine((labels) => Object.keys(labels).length > 0, 'must hold a label: none would select every pod')
      .exactOptional()
      .describe('Pods that bear all of these labels'),
  })
  .describe(`Pods that are not restarted, nor their workloads; pods labelled ${forensicsLabel} never are`);

/** Whether a pod stays as it is. */
export function isSpared({ metadata }: KubernetesObject, { pods = [], labels }: Spared): boolean {
  const borne = metadata.labels ?? {};
  return (
    Object.hasOwn(borne, forensicsLabel) ||
    pods.includes(metadata.name) ||
    (labels !== undefined &&
      Object.entries(labels).every(([key, value]) => Object.hasOwn(borne, key) && borne[key] === value))
  );
}
