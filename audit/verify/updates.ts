import { claimed } from '../claimed.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import type { PublicKey, Signed } from '../../domain/signature.ts';
import { commandUpdate, decideUpdate } from '../../workflows/contract.ts';
import { names } from '../bundle/layout.ts';
import { quote, type Findings } from '../findings.ts';
import { eventTypes, object, payloadsOf, text } from '../history.ts';
import { checkGatewaySignature } from './decisions.ts';
import type { Run } from './runs.ts';

const updates: { [name: string]: { type: string; kind: string } } = {
  [decideUpdate]: { type: 'firebreak/decision/v1', kind: 'decision.taken' },
  [commandUpdate]: { type: 'firebreak/command/v1', kind: 'command.taken' },
};

/**
 * Every word of a person in the history: signed by the gateway, and noted in the ledger; and none in the ledger that the history does not
 * have.
 */
export function checkUpdates(
  runs: readonly Run[],
  entries: readonly LedgerEntry[],
  keys: readonly PublicKey[],
  findings: Findings,
): void {
  const noted = entries.filter(({ kind }) => Object.values(updates).some((update) => update.kind === kind));
  const signatures = new Set(noted.map(({ data }) => text(data['signature'])));
  const accepted = new Set<string>();
  for (const { file, events } of runs) {
    for (const { id, type, attributes } of events) {
      if (type !== eventTypes.updateAccepted) continue;
      const at = `event ${id}`;
      const input = object(object(attributes['acceptedRequest'])['input']);
      const update = updates[text(input['name'])];
      if (update === undefined) {
        findings.add('FB5108', file, at, `an update ${quote(input['name'], 80)} that no incident has`);
        continue;
      }
      const signed = claimed<Signed<{ type: string }>>(object(payloadsOf(input['args'])[0]));
      const person = object(claimed(signed.payload))['person'];
      checkGatewaySignature(
        signed,
        update.type,
        keys,
        file,
        at,
        `the ${text(input['name'])} of ${quote(person, 80)}`,
        findings,
      );
      accepted.add(signed.signature);
      if (!signatures.has(signed.signature)) {
        findings.add(
          'FB5406',
          file,
          at,
          `the ledger does not note the ${text(input['name'])} of ${quote(person, 80)}`,
        );
      }
    }
  }
  for (const { seq, kind, data } of noted) {
    if (!accepted.has(text(data['signature']))) {
      findings.add(
        'FB5407',
        names.ledger,
        `entry ${seq}`,
        `the history has no ${quote(kind)} with this signature`,
      );
    }
  }
}
