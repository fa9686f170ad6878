import { pathOfAddress, walkSteps, type Playbook } from '../language/run/playbook.ts';
import type { LedgerEntry } from '../domain/ledger.ts';
import { text } from './history.ts';

/** One measure of one incident. */
export interface Measure {
  name: 'MTTD' | 'MTTA' | 'MTTC' | 'MTTR' | 'evaluated containment';
  meaning: string;
  /** Absent when it cannot be had; `why` says why. */
  ms?: number;
  why?: string;
}

/** The measures of domain practice, from the ledger alone. What cannot be computed is said, never guessed. */
export function measuresOf(entries: readonly LedgerEntry[], playbook: Playbook | undefined): Measure[] {
  const alert = entries.find(({ kind }) => kind === 'alert.joined');
  const detected = Date.parse(text(alert?.data['detectedAt']));
  const received = Date.parse(text(alert?.data['receivedAt']));
  const acknowledged = entries.find(({ kind }) => kind === 'decision.taken' || kind === 'command.taken');
  const contained = (verdict: string) =>
    entries.find(
      ({ kind, data }) =>
        kind === 'step.verified' &&
        data['verdict'] === verdict &&
        data['state'] === 'in-place' &&
        effectOf(text(data['step']), playbook) === 'contain',
    );
  const noAlert = 'the incident was not opened by an alert';
  return [
    measure(
      'MTTD',
      'detected − first malicious evidence',
      undefined,
      NaN,
      'the ledger does not date the first malicious evidence',
    ),
    measure(
      'MTTA',
      'first decision or command of a person − alert received',
      acknowledged?.at,
      received,
      acknowledged === undefined ? 'no person acted' : noAlert,
    ),
    measure(
      'MTTC',
      'verified containment − detected',
      contained('verified')?.at,
      detected,
      contained('verified') === undefined ? 'no containment was verified in the world' : noAlert,
    ),
    measure(
      'evaluated containment',
      'containment that was computed from what the API says − detected; not a success by itself',
      contained('evaluated')?.at,
      detected,
      contained('evaluated') === undefined ? 'no containment ended as evaluated' : noAlert,
    ),
    measure(
      'MTTR',
      'service objective recovered − detected',
      undefined,
      NaN,
      'the ledger holds no service objective',
    ),
  ];
}

function measure(
  name: Measure['name'],
  meaning: string,
  end: string | undefined,
  begin: number,
  why: string,
): Measure {
  const ms = Date.parse(end ?? '') - begin;
  return Number.isNaN(ms) ? { name, meaning, why } : { name, meaning, ms };
}

/** Of the step that an address names, also inside loops, branches and children. */
function effectOf(address: string, playbook: Playbook | undefined): string {
  if (playbook === undefined) return '';
  const path = pathOfAddress(address);
  try {
    for (const { path: at, step } of walkSteps(playbook)) {
      if (at === path && step.kind === 'action') return text(playbook.actions[step.uses]?.effect);
    }
  } catch (error) {
    // Of a bundle with findings nobody knows what shape its playbook has.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
  }
  return '';
}
