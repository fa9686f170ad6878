import type { Limit } from '../../../domain/action.ts';
import type { Left } from './users.ts';

const texts = {
  suspect: 'Suspect pods, and workloads with one among their pods: they stay as they are, for forensics.',
  'bare-pod': 'Pods without a controller: nobody would start them again.',
  job: 'Pods of Jobs: their work would begin again, or be lost.',
  'other-controller': 'Pods whose controller has no rolling restart that is known here.',
  breaks: 'Workloads that need what is gone for good: their new pods could not start.',
  paused: 'Deployments that are paused: a change of their template starts nothing.',
  'on-delete': 'Workloads with the update strategy OnDelete: a person deletes their pods.',
  partition: 'StatefulSets with a partition: only a part of their pods would be replaced.',
  going: 'Workloads that are being deleted.',
  budget:
    'Workloads whose own strategy takes down more pods at once than a PodDisruptionBudget allows: restart them by hand.',
  cap: 'Workloads beyond the number that was authorised.',
  refused: 'Workloads whose change the API server refused.',
  late: 'Workloads that share a PodDisruptionBudget with one that did not come up again in time.',
} as const;

/** Why something is not restarted. */
export type LeftWhy = keyof typeof texts;

/** What is not restarted, for a plan: `not-restarted-job` and so on, with the objects. */
export function leftLimits(left: readonly Left[], consequence: string): Limit[] {
  return [...grouped(left)].map(([why, objects]) => ({
    code: `not-restarted-${why}`,
    text: `${texts[why]} ${consequence}`,
    objects: objects.slice(0, 20),
    count: objects.length,
  }));
}

/** What was not restarted, for a result: a line a reason. */
export function leftUnavailable(left: readonly Left[]): { what: string; why: string }[] {
  return [...grouped(left)].map(([why, objects]) => ({
    what: `restart of ${named(objects)}`,
    why: texts[why],
  }));
}

/** `a, b and 3 more`: at most ten. */
export function named(objects: readonly string[]): string {
  const more = objects.length > 10 ? ` and ${objects.length - 10} more` : '';
  return `${objects.slice(0, 10).join(', ')}${more}`;
}

function grouped(left: readonly Left[]): Map<LeftWhy, string[]> {
  const groups = new Map<LeftWhy, string[]>();
  for (const { object, why } of left) groups.set(why, [...(groups.get(why) ?? []), object]);
  return groups;
}
