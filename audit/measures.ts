import { claimed } from './claimed.ts';
import type { Playbook } from '../language/run/playbook.ts';
import type { LedgerEntry } from '../domain/ledger.ts';
import { object, text } from './history.ts';

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

function effectOf(step: string, playbook: Playbook | undefined): string {
  const { steps, actions } = object(claimed(playbook));
  const found = (Array.isArray(steps) ? steps : []).map(object).find(({ id }) => id === step);
  return text(object(object(actions)[text(found?.['uses'])])['effect']);
}
