import type { JsonObject } from '../../../domain/json.ts';
import { jsonCopy } from '../../../domain/json.ts';
import { most } from './contract.ts';
import type { Judged } from './judged.ts';

/** What later steps may use: bounded, whatever was pushed. */
export function outputsOf(judged: readonly Judged[], evidence: string): JsonObject {
  const accepted = digestsOf(judged.filter(({ verdict }) => verdict === 'accepted'));
  const kept = new Set(accepted);
  // What an acceptable index names is acceptable, also where it was asked for by itself and has no signature of its own.
  const refused = digestsOf(judged.filter(({ verdict }) => verdict === 'refused')).filter(
    (digest) => !kept.has(digest),
  );
  return jsonCopy({
    accepted: judged.every(({ verdict }) => verdict === 'accepted'),
    digests: accepted.slice(0, most.digests),
    digestCount: accepted.length,
    refused: refused.slice(0, most.digests),
    refusedCount: refused.length,
    images: judged.map(({ children, reasons, ...one }) => ({
      ...one,
      children: children.slice(0, most.children),
      reasons: reasons.slice(0, most.reasons),
    })),
    evidence,
  });
}

/** Those that were named first: of the others there may be any number. */
function digestsOf(judged: readonly Judged[]): string[] {
  const all = [
    ...judged.map(({ digest }) => digest),
    ...judged.flatMap(({ children }) => children.map(({ digest }) => digest)),
  ];
  return [...new Set(all)].filter((digest) => digest !== '');
}
