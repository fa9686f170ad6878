import { claimed } from '../claimed.ts';
import type { Command } from '../../domain/decision.ts';
import type { Policy } from '../../domain/incident.ts';
import { canonical } from '../../domain/json.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import type { PublicKey, Signed } from '../../domain/signature.ts';
import { commandProblem } from '../../workflows/authorise.ts';
import { commandUpdate, type IncidentArguments } from '../../workflows/contract.ts';
import { difference, quote, type Findings } from '../findings.ts';
import { eventTypes, object, payloadsOf, text } from '../history.ts';
import type { Run } from './runs.ts';

/** Refusals that are findings of their own, or are found elsewhere. */
const stranger = 'FB4011';
const unsigned = 'FB4001';

/**
 * Every release, takeover, handback and cancel in the history, by the rules under which the workflow takes it: a replay does not ask them again.
 * Whether it was in its place at that moment is not judged.
 */
export function checkCommands(
  runs: readonly Run[],
  entries: readonly LedgerEntry[],
  input: IncidentArguments,
  keys: readonly PublicKey[],
  findings: Findings,
): void {
  const noted = new Map(
    entries
      .filter(({ kind }) => kind === 'command.taken')
      .map((entry) => [text(entry.data['signature']), entry]),
  );
  const policy: Policy = { ...input.policy, gatewayKeys: [...keys] };
  for (const { file, events } of runs) {
    for (const { id, type, attributes } of events) {
      if (type !== eventTypes.updateAccepted) continue;
      const update = object(object(attributes['acceptedRequest'])['input']);
      if (update['name'] !== commandUpdate) continue;
      const signed = claimed<Signed<Command>>(object(payloadsOf(update['args'])[0]));
      const entry = noted.get(signed.signature);
      const at = `event ${id}`;
      checkOne(file, at, signed, entry, input.incident, policy, findings);
    }
  }
}

function checkOne(
  file: string,
  at: string,
  signed: Signed<Command>,
  entry: LedgerEntry | undefined,
  incident: string,
  policy: Policy,
  findings: Findings,
): void {
  const { payload } = signed;
  const what = `the ${quote(payload.command, 80)} of ${quote(payload.person, 80)}`;
  if (typeof payload.reason !== 'string') {
    findings.add('FB5614', file, at, `${what} gives no reason`);
    return;
  }
  const problem = commandProblem(
    signed,
    incident,
    policy,
    fitting(payload.command),
    Date.parse(entry?.at ?? payload.at),
  );
  if (problem !== undefined && problem.code !== unsigned)
    findings.add(
      problem.code === stranger ? 'FB5613' : 'FB5614',
      file,
      at,
      `${what} should have been refused: ${quote(problem.message)}`,
    );
  if (entry === undefined) return;
  const { keyId, signature } = signed;
  const { command, then, person, reason, via, at: dated } = payload;
  const expected = canonical(
    claimed({
      command,
      ...(then === undefined ? {} : { then }),
      person,
      reason,
      via,
      at: dated,
      keyId,
      signature,
    }),
  );
  const found = canonical(entry.data);
  if (expected !== found)
    findings.add(
      'FB5406',
      file,
      `${at}, entry ${entry.seq}`,
      `the ledger notes something else than ${what}`,
      difference(expected, found),
    );
}

/** The state in which a command is in its place. */
function fitting(command: Command['command']): Parameters<typeof commandProblem>[3] {
  return { held: 1, releasing: false, takenOver: command === 'handback', closing: false, cancellable: true };
}
