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

/** What a playbook's input is given. */
export type Value = string | number | boolean | Value[];

/**
 * The value, or what it stands for: in lists, too.
 * @throws when a rehearsal names what is not there, or the id of what has none
 */
export function standIn(value: Value, known: StandIns): Value {
  if (Array.isArray(value)) return value.map((each) => standIn(each, known));
  if (typeof value !== 'string') return value;
  const { changedAt, loot } = known;
  const stolen = stolenId.exec(value);
  if (stolen !== null) return there(value, loot[Number(stolen[1] ?? 0)]?.id);
  return value === 'changed.at' ? there(value, changedAt) : imageOf(value, known);
}

/** The reference, or that of the signed image that it names. @throws when there is none */
export function imageOf(reference: string, { images }: StandIns): string {
  const named = image.exec(reference)?.[1];
  if (named === undefined) return reference;
  return there(reference, Object.entries(images ?? {}).find(([name]) => name === named)?.[1]);
}

function there<T>(value: string, found: T | undefined): T {
  if (found === undefined) throw new Error(`${value} names what is not there, or has no id`);
  return found;
}
