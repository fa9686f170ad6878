/** A moment for people: `03:09:00 UTC, in 4 min`; the date as well when it is not today's. What is no time is shown as nothing. */
export function when(iso: string, now: Date = new Date()): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return 'at an unknown time';
  const text = new Date(at).toISOString();
  const today = text.slice(0, 10) === now.toISOString().slice(0, 10);
  const difference = at - now.getTime();
  const distance = duration(Math.abs(difference));
  const clock = `${today ? '' : `${text.slice(0, 10)} `}${text.slice(11, 19)} UTC`;
  return `${clock}, ${difference >= 0 ? `in ${distance}` : `${distance} ago`}`;
}

/** Milliseconds in the largest fitting unit: `4 min`. */
export function duration(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const;
  for (const [name, size] of units) {
    const count = Math.floor(ms / size);
    if (count >= 2 || (count === 1 && ms % size === 0)) return `${count} ${name}`;
  }
  return `${Math.round(ms / 1000)} s`;
}
