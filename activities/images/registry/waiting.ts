/**
 * How long `Retry-After` asks to wait (RFC 9110 §10.2.3), in milliseconds: seconds, or a date in one of the three forms of HTTP.
 * @returns undefined when it is absent, or is neither
 */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^[0-9]+$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  // asctime() names no zone, and is in UTC.
  const date = Date.parse(text.endsWith(' GMT') ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Backoff before try `tries` + 1: doubled each time, never the same for two callers. */
export function backoffMs(tries: number): number {
  return 100 * 2 ** tries * (1 + Math.random());
}
