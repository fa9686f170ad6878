import { z } from 'zod';
import { canonical, type Digest } from '../../../domain/json.ts';
import type { Workload } from '../workload/kinds.ts';
import { digestShape } from '../shapes.ts';
import type { Settings } from './settings.ts';

/** On the workload, never in its template: a change of that would make every pod anew. */
export const markKey = 'firebreak.dev/rollback';

/** How far a rollback has come: one pod is being made new, it stands, the others follow. */
export const stages = ['trying', 'held', 'rest'] as const;
export type Stage = (typeof stages)[number];

const settings = z.record(z.string(), z.json());
const shape = z.strictObject({
  v: z.literal(1),
  incident: z.string(),
  step: z.string(),
  authority: digestShape,
  stage: z.enum(stages),
  /** Where it was before: its revision, and what a workload's template says when it is there again. */
  from: z.strictObject({ revision: z.string(), digest: digestShape }),
  /** Of the template as it is stored now. */
  to: digestShape,
  /** As they were, and as we set them. */
  was: settings,
  set: settings,
});

export interface Mark {
  v: 1;
  incident: string;
  step: string;
  authority: Digest;
  stage: Stage;
  from: { revision: string; digest: Digest };
  to: Digest;
  was: Settings;
  set: Settings;
}

/** `unreadable`: something stands there that is not ours. */
export function markOf({ metadata }: Workload): Mark | 'unreadable' | undefined {
  const text = metadata.annotations?.[markKey];
  if (text === undefined) return undefined;
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    return 'unreadable';
  }
}

export function markText(mark: Mark): string {
  return canonical(mark);
}
