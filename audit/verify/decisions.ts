import { claimed } from '../claimed.ts';
import type { Decision, Gate } from '../../domain/decision.ts';
import { gateDigest } from '../../domain/decision.ts';
import type { Policy } from '../../domain/incident.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import { verifySigned, type PublicKey, type Signed } from '../../domain/signature.ts';
import { clockSkewMs, contentProblem } from '../../workflows/authorise.ts';
import { names } from '../bundle/layout.ts';
import { quote, type Findings } from '../findings.ts';
import { object, text } from '../history.ts';

/** A question as the ledger opened it. */
export interface OpenedGate {
  gate: Gate;
  /** Persons whose word on it stands, by verdict. */
  approved: Set<string>;
  denied: Set<string>;
}

/**
 * The questions and answers of the ledger: every decision signed by a known key of the gateway, about exactly this gate, in time, by a person who
 * may decide and did not ask. Answers the gates with the votes that count.
 */
export function checkDecisions(
  entries: readonly LedgerEntry[],
  policy: Policy,
  keys: readonly PublicKey[],
  findings: Findings,
): Map<string, OpenedGate> {
  const gates = new Map<string, OpenedGate>();
  const escalated = new Set<string>();
  for (const entry of entries) {
    const at = `entry ${entry.seq}`;
    if (entry.kind === 'gate.opened') {
      const gate = claimed<Gate>(entry.data['gate']);
      const digest = safeDigest(gate);
      if (digest === undefined || digest !== entry.data['digest'] || gate.incident !== entry.incident) {
        findings.add('FB5605', names.ledger, at, 'the digest of the question is not that of the gate', {
          expected: digest,
          found: entry.data['digest'],
        });
      }
      gates.set(gate.id, { gate, approved: new Set(), denied: new Set() });
    } else if (entry.kind === 'gate.escalated') {
      escalated.add(text(entry.data['gate']));
    } else if (entry.kind === 'decision.taken') {
      const gate = gates.get(text(entry.data['gate']));
      const groups = gate === undefined ? [] : [...gate.gate.approval.from];
      if (gate !== undefined && escalated.has(gate.gate.id)) groups.push(...policy.escalation);
      checkTaken(entry, gate, groups, policy, keys, findings);
    }
  }
  return gates;
}

function checkTaken(
  entry: LedgerEntry,
  opened: OpenedGate | undefined,
  groups: readonly string[],
  policy: Policy,
  keys: readonly PublicKey[],
  findings: Findings,
): void {
  const at = `entry ${entry.seq}`;
  const signed = signedDecision(entry, keys);
  const { person, verdict } = signed.payload;
  const who = quote(person, 80);
  const before = findings.count;
  checkGatewaySignature(
    signed,
    'firebreak/decision/v1',
    keys,
    names.ledger,
    at,
    `the decision of ${who}`,
    findings,
  );
  if (opened === undefined) {
    findings.add('FB5605', names.ledger, at, `${who} decided a question that was never asked`, {
      found: signed.payload.gate,
    });
    return;
  }
  const { gate } = opened;
  const digest = safeDigest(gate);
  if (signed.payload.digest !== digest) {
    findings.add(
      'FB5605',
      names.ledger,
      at,
      `${who} decided on something else than gate ${quote(gate.id, 80)}`,
      {
        expected: digest,
        found: signed.payload.digest,
      },
    );
  }
  if (!(Date.parse(entry.at) <= Date.parse(gate.expiresAt))) {
    findings.add('FB5606', names.ledger, at, `the decision of ${who} came after the gate had expired`, {
      expected: gate.expiresAt,
      found: entry.at,
    });
  }
  // A form is filled in, nothing authorised by it: who asked may know the answer.
  if (person === gate.requester && gate.purpose !== 'answer') {
    findings.add(
      'FB5604',
      names.ledger,
      at,
      `${who} asked for gate ${quote(gate.id, 80)} and decided it too`,
    );
  }
  const dated = Math.abs(Date.parse(entry.at) - Date.parse(signed.payload.at));
  if (!(dated <= clockSkewMs)) {
    findings.add(
      'FB5615',
      names.ledger,
      at,
      `the decision of ${who} is dated another time than it was taken`,
      {
        expected: entry.at,
        found: signed.payload.at,
      },
    );
  }
  const content = contentProblem(signed.payload, gate.form);
  if (content !== undefined) {
    findings.add(
      'FB5615',
      names.ledger,
      at,
      `what ${who} said should have been refused: ${quote(content.message)}`,
    );
  }
  const known = policy.people.find(({ id }) => id === person);
  if (known === undefined || !known.groups.some((group) => groups.includes(group))) {
    findings.add('FB5603', names.ledger, at, `${who} may not decide gate ${quote(gate.id, 80)}`, {
      expected: [...groups],
      found: known?.groups ?? [],
    });
  }
  // Only a vote without any fault counts towards an approval.
  if (findings.count === before) opened[verdict === 'approve' ? 'approved' : 'denied'].add(person);
}

/** One signature of the gateway: first whether the key is known, then whether it fits, so that the two are told apart. */
export function checkGatewaySignature<T extends { type: string }>(
  signed: Signed<T>,
  type: T['type'],
  keys: readonly PublicKey[],
  file: string,
  at: string,
  what: string,
  findings: Findings,
): void {
  if (!keys.some(({ id }) => id === signed.keyId)) {
    findings.add('FB5602', file, at, `${what} is signed by a key that was not sealed`, {
      expected: keys.map(({ id }) => id),
      found: signed.keyId,
    });
  } else if (!verifySigned(signed, type, keys)) {
    findings.add('FB5601', file, at, `the signature of ${what} does not fit`);
  }
}

/** The decision that an entry was made of. An absent reason and an empty one are noted alike: whichever was signed is meant. */
function signedDecision({ incident, data }: LedgerEntry, keys: readonly PublicKey[]): Signed<Decision> {
  const payload = claimed<Decision>({
    type: 'firebreak/decision/v1',
    incident,
    gate: data['gate'],
    digest: data['digest'],
    verdict: data['verdict'],
    person: data['person'],
    ...(data['answers'] === undefined ? {} : { answers: data['answers'] }),
    via: data['via'],
    at: data['at'],
  });
  const { reason } = data;
  const variants: Decision[] = [{ ...payload, reason: text(reason) }];
  if (reason === '') variants.unshift(payload);
  const signed = variants.map((variant) => ({
    payload: variant,
    keyId: text(data['keyId']),
    signature: text(data['signature']),
  }));
  const valid = signed.find((variant) => verifySigned(variant, 'firebreak/decision/v1', keys));
  return valid ?? claimed<Signed<Decision>>(signed[0]);
}

function safeDigest(gate: Gate): string | undefined {
  try {
    return gateDigest(claimed<Gate>(object(claimed(gate))));
  } catch {
    // Not a gate at all: no digest is equal to it.
    return undefined;
  }
}
