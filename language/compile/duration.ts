const units = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** A whole number and one unit, as people say it: `90s`, `5m`, `24h`, `7d`. */
export const durationPattern = /^([1-9][0-9]{0,5})([smhd])$/;

/** Milliseconds; undefined for anything that is not a duration. */
export function milliseconds(text: string): number | undefined {
  const match = durationPattern.exec(text);
  const unit = units.get(match?.[2] ?? '');
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
