import type { SignedImages } from './signed-images.ts';
import type { Loot } from './stolen.ts';

/** What a rehearsal names and only the day has. */
export interface StandIns {
  loot: readonly Pick<Loot, 'id' | 'pushed'>[];
  images?: SignedImages['references'];
  /** When workloads were changed from what they were at first. RFC 3339. */
  changedAt?: string;
}

/** `stolen.id`: of what is stolen first, or at a place from 0: `stolen[1].id`. */
const stolenId = /^stolen(?:\[(\d)\])?\.id$/;
/** `image:good`. */
const image = /^image:([a-z-]+)$/;

/**
 * The value, or what it stands for: in lists, too.
 * @throws when a rehearsal names what is not there, or the id of what has none
 */
export function standIn<T>(value: T, known: StandIns): T {
  const found = Array.isArray(value)
    ? value.map((each: unknown) => standIn(each, known))
    : typeof value === 'string'
      ? stands(value, known)
      : value;
  // A text stands for a text or a number, which is what the playbook's input takes.
  return found as T;
}

function stands(value: string, { loot, images, changedAt }: StandIns): string | number {
  const stolen = stolenId.exec(value);
  const named = image.exec(value)?.[1];
  const what = stolen !== null || named !== undefined || value === 'changed.at';
  if (!what) return value;
  const found =
    stolen !== null
      ? loot[Number(stolen[1] ?? 0)]?.id
      : named === undefined
        ? changedAt
        : Object.entries(images ?? {}).find(([name]) => name === named)?.[1];
  if (found === undefined) throw new Error(`${value} names what is not there, or has no id`);
  return found;
}
