import type { AccessRecord } from '../domain/access-log.ts';

const windowMs = 60_000;

interface Window {
  since: number;
  passed: number;
  leftOut: number;
  codes: Map<string, number>;
}

/** Lets so many refusals of each kind through in a minute and counts the others, so that a flood at one door does not hide a call at another. */
export interface RefusalCap {
  /** Whether the record is to be written. */
  admit(record: AccessRecord): boolean;
  /** The summaries that are due: of all windows when `all`, else of those that are over. */
  summaries(all: boolean): AccessRecord[];
  /** Milliseconds until the next summary is due; undefined when none is. */
  nextDue(): number | undefined;
}

export function refusalCap(perMinute: number, now: () => Date): RefusalCap {
  const windows = new Map<string, Window>();
  return {
    admit({ outcome, kind, code }) {
      if (outcome !== 'refused') return true;
      const at = now().getTime();
      let window = windows.get(kind);
      // A window with refusals left out is closed by its summary, not by the next refusal.
      if (window === undefined || (at - window.since >= windowMs && window.leftOut === 0)) {
        window = { since: at, passed: 0, leftOut: 0, codes: new Map() };
        windows.set(kind, window);
      }
      if (window.passed < perMinute) {
        window.passed++;
        return true;
      }
      window.leftOut++;
      window.codes.set(code ?? 'none', (window.codes.get(code ?? 'none') ?? 0) + 1);
      return false;
    },
    summaries(all) {
      const at = now().getTime();
      const due: AccessRecord[] = [];
      for (const [kind, window] of windows) {
        if (!all && at - window.since < windowMs) continue;
        windows.delete(kind);
        if (window.leftOut === 0) continue;
        due.push({
          outcome: 'refused',
          kind,
          actor: 'many',
          detail: {
            summary: 'further refusals of this kind, counted and not written one by one',
            leftOut: window.leftOut,
            codes: Object.fromEntries(window.codes),
            from: new Date(window.since).toISOString(),
            to: new Date(at).toISOString(),
          },
        });
      }
      return due;
    },
    nextDue() {
      const open = [...windows.values()].filter(({ leftOut }) => leftOut > 0);
      if (open.length === 0) return undefined;
      return Math.max(0, Math.min(...open.map(({ since }) => since)) + windowMs - now().getTime());
    },
  };
}
