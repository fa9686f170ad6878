import type { View } from './api.ts';
import type { Rehearsal } from './rehearsal.ts';
import type { Loot } from './stolen.ts';
import { appliedAt, provenAt, type Entry } from './times.ts';

/** How long a thief had a credential. Milliseconds since its first use. */
export interface Leak {
  what: string;
  /** Until it was refused each time. */
  refusedMs?: number;
  /** Until Firebreak had verified that, and how well it knew. */
  provenMs?: number;
  verdict?: string;
}

/** Images that a thief pushed, and when Firebreak had listed them, since the incident was opened. */
export interface PushedImages {
  digests: number;
  listedMs?: number;
}

type Pushed = NonNullable<Rehearsal['expect']['pushed']>;

/** What became of the stolen credentials; what was not as expected is added to `wrong`. Once their thieves are caught. */
export function leaksOf(loot: readonly Loot[], entries: readonly Entry[], wrong: string[]): Leak[] {
  return loot.map(({ what, leakedAt, refusedSince, provenBy }) => {
    const proven = provenAt(entries, provenBy);
    if (refusedSince === undefined) wrong.push(`${what} still works`);
    if (proven === undefined)
      wrong.push(`step ${provenBy} was not verified: nothing says that ${what} is refused`);
    return {
      what,
      ...(refusedSince === undefined ? {} : { refusedMs: refusedSince - leakedAt }),
      ...(proven === undefined ? {} : { provenMs: proven.at - leakedAt, verdict: proven.verdict }),
    };
  });
}

/** Whether exactly what was pushed is in the playbook's output; what is not as expected is added to `wrong`. */
export function pushedOf(
  { output, 'found-by': step }: Pushed,
  loot: readonly Loot[],
  { outputs = {} }: View,
  { entries, began }: { entries: readonly Entry[]; began: number },
  wrong: string[],
): PushedImages {
  const found = JSON.stringify(outputs[output]);
  const wanted = loot.flatMap(({ pushed }) => pushed).toSorted();
  if (found !== JSON.stringify(wanted))
    wrong.push(`the output ${output} is ${found ?? 'not there'}, and ${wanted.join(', ')} was pushed`);
  const at = appliedAt(entries, step);
  return { digests: wanted.length, ...(at === undefined ? {} : { listedMs: at - began }) };
}
