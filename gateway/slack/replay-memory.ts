import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { windowSeconds } from './request-guard.ts';

export interface ReplayMemory {
  /** Remembers a verified request. `full`: no room to remember it, so it cannot be let in either. */
  admit(request: { signature: string; timestamp: number }, now: number): 'new' | 'replay' | 'full';
}

/** A request is refused as stale `windowSeconds` after its timestamp, and one from the future lives as much longer. */
const keepSeconds = 2 * windowSeconds;

/**
 * Remembers the signatures of verified requests for as long as they could be sent again. Bounded, and never forgets one to make room: only
 * Slack can fill it. With a `file` it also outlives the process; without, a replay across a restart is still one decision, because an
 * Update's id comes from gate and person.
 * @param options.file Written synchronously: a request is remembered before it has any effect. One line a request, compacted at start and when
 *   it has grown to twice the capacity.
 * @throws the error of the file system when the file cannot be read or written
 */
export function createReplayMemory(options: { file?: string; capacity?: number; now: number }): ReplayMemory {
  const { file } = options;
  const capacity = options.capacity ?? 20_000;
  /** Signature to timestamp, in the order of arrival. */
  const seen = new Map<string, number>(file === undefined ? [] : readLines(file));
  let lines = 0;

  function forgetStale(now: number): void {
    const oldest = now / 1000 - keepSeconds;
    for (const [signature, timestamp] of seen) if (timestamp < oldest) seen.delete(signature);
  }

  function compact(): void {
    if (file === undefined) return;
    writeFileSync(`${file}.new`, [...seen].map(line).join(''), { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
    lines = seen.size;
  }

  forgetStale(options.now);
  compact();

  return {
    admit({ signature, timestamp }, now) {
      if (seen.has(signature)) return 'replay';
      if (seen.size >= capacity) forgetStale(now);
      if (seen.size >= capacity) return 'full';
      if (file !== undefined)
        appendFileSync(file, line([signature, timestamp]), { mode: 0o600, flush: true });
      seen.set(signature, timestamp);
      lines += 1;
      if (lines > 2 * capacity) compact();
      return 'new';
    },
  };
}

const line = ([signature, timestamp]: [string, number]): string => `${timestamp} ${signature}\n`;

/** A last line that a crash cut short is left out. */
function readLines(file: string): [string, number][] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^(\d{10}) (v0=[0-9a-f]{64})\n/gm)].map(([, timestamp, signature]) => [
    signature ?? '',
    Number(timestamp),
  ]);
}
