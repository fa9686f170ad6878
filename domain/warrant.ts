import type { Mandate } from './action.ts';
import { gateDigest, type Warrant } from './decision.ts';
import { digest } from './json.ts';
import { verifySigned, type PublicKey } from './signature.ts';

/** What is known of a person outside the history: the configured directory. */
export interface Directory {
  groupsOf(person: string): readonly string[] | undefined;
}

/**
 * Why a warrant does not authorise this mandate; undefined when it does. Trusts nothing but the gateway's keys, which are
 * the worker's own configuration: gate, decisions and mandate all come from a history that might be forged.
 * @param escalation groups that may decide as well once a gate has escalated
 */
export function warrantProblem(
  verb: 'apply' | 'undo',
  mandate: Mandate,
  warrant: Warrant,
  keys: readonly PublicKey[],
  directory: Directory,
  escalation: readonly string[],
): string | undefined {
  const { opening, gate, decisions, automatic } = warrant;
  if (!verifySigned(opening, 'firebreak/opening/v1', keys))
    return 'the opening carries no valid signature of the gateway';
  if (opening.payload.incident !== mandate.incident) return 'the opening is of another incident';
  if (gate === undefined) {
    if (verb === 'apply' && automatic && opening.payload.mode === 'automatic') return undefined;
    return 'there is no gate, and the incident was not opened in automatic mode';
  }
  if (gate.incident !== mandate.incident) return 'the gate is of another incident';
  if ((gate.purpose === 'release') !== (verb === 'undo'))
    return `a gate to ${gate.purpose} does not authorise ${verb}`;
  const wanted = digest(mandate.authority);
  if (!gate.authorities.some((authority) => digest(authority) === wanted))
    return 'the gate is about something else';
  if (verb === 'undo' && !(gate.base ?? []).includes(mandate.base.digest))
    return 'the gate releases to another snapshot';

  const approvers = new Set<string>();
  for (const decision of decisions) {
    if (!verifySigned(decision, 'firebreak/decision/v1', keys))
      return 'a decision carries no valid signature of the gateway';
    const { incident, gate: id, digest: bound, verdict, person, at } = decision.payload;
    if (incident !== gate.incident || id !== gate.id || bound !== gateDigest(gate))
      return 'a decision is about another gate';
    if (verdict !== 'approve') return `${person} denied it`;
    if (person === gate.requester) return 'the requester approved it';
    if (at > gate.expiresAt) return 'a decision came after the gate had expired';
    const groups = directory.groupsOf(person);
    if (groups === undefined) return `${person} is not in the directory`;
    if (![...gate.approval.from, ...escalation].some((group) => groups.includes(group))) {
      return `${person} is in none of the groups that may decide`;
    }
    approvers.add(person);
  }
  if (approvers.size < Math.max(1, gate.approval.count)) {
    return `${approvers.size} of ${Math.max(1, gate.approval.count)} approvals`;
  }
  return undefined;
}
