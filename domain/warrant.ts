import type { Action, Effect, Mandate, Target, TargetFacts } from './action.ts';
import { pathOfAddress } from './address.ts';
import { gateDigest, type Gate, type Opening, type Warrant } from './decision.ts';
import { builtInProtected, effectiveMode, isProtected, type GuardrailPolicy } from './guardrails.ts';
import { digest } from './json.ts';
import { verifySigned, type PublicKey } from './signature.ts';

/** What is known of a person outside the history: the configured directory. */
export interface Directory {
  groupsOf(person: string): readonly string[] | undefined;
}

/** All that a warrant is judged by: the worker's own configuration, never the history's. */
export interface House {
  gatewayKeys: readonly PublicKey[];
  directory: Directory;
  /** Groups that may decide as well once a gate has escalated. */
  escalation: readonly string[];
  guardrails: GuardrailPolicy;
  /** Of a configured cluster or account; undefined for another. */
  environmentOf: (cluster: string) => string | undefined;
}

/**
 * Why a warrant does not authorise this mandate; undefined when it does. Trusts nothing but the house: gate, decisions, policy and mandate all
 * come from a history that might be forged.
 */
export function warrantProblem(
  verb: 'apply' | 'undo',
  action: Pick<Action, 'effect' | 'undoApproval'>,
  mandate: Mandate,
  warrant: Warrant,
  house: House,
): string | undefined {
  const { opening, gate } = warrant;
  if (!verifySigned(opening, 'firebreak/opening/v1', house.gatewayKeys))
    return 'the opening carries no valid signature of the gateway';
  if (opening.payload.incident !== mandate.incident) return 'the opening is of another incident';
  if (verb === 'apply') {
    const names = [...builtInProtected, ...house.guardrails.protectedNamespaces];
    const found = placesOf(mandate).find(({ namespace }) => isProtected(namespace, names));
    if (found !== undefined) return `namespace ${found.namespace} is protected`;
    const principals = house.guardrails.protectedPrincipals ?? [];
    const principal = mandate.authority.targets.find(
      (target) => isOutside(target) && isProtected(target.name, principals),
    );
    if (principal !== undefined) return `${principal.name} is protected`;
  }
  if (gate !== undefined) return gateProblem(verb, action, mandate, warrant, gate, house);
  if (verb === 'undo' || !warrant.automatic || opening.payload.mode !== 'automatic')
    return 'there is no gate, and the incident was not opened in automatic mode';
  return automaticProblem(action.effect, mandate, warrant, house);
}

/** Automatic mode reaches where the alert was seen, and only where the configuration of today allows it. */
function automaticProblem(
  effect: Effect,
  mandate: Mandate,
  { opening: { payload } }: Warrant,
  { guardrails, environmentOf }: House,
): string | undefined {
  if (!isWhereSeen(mandate, payload))
    return 'there is no gate, and the target is not where the alert was seen';
  const facts = placesOf(mandate).map((target) => ({
    ...target,
    supports: [],
    pods: 0,
    environment: environmentOf(target.cluster) ?? '',
  }));
  return effectiveMode(guardrails, 'automatic', payload.severity, effect, facts) === 'automatic'
    ? undefined
    : 'there is no gate, and automatic mode is not allowed there';
}

/** Whether all that a mandate names is in the cluster and namespace that the alert named, by the gateway's word. */
export function isWhereSeen(mandate: Pick<Mandate, 'authority'>, { about }: Pick<Opening, 'about'>): boolean {
  return placesOf(mandate).every(
    ({ cluster, namespace }) => cluster === about?.cluster && namespace === about.namespace,
  );
}

function gateProblem(
  verb: 'apply' | 'undo',
  action: Pick<Action, 'effect' | 'undoApproval'>,
  mandate: Mandate,
  { opening, decisions, request }: Warrant,
  gate: Gate,
  { gatewayKeys, directory, escalation }: House,
): string | undefined {
  if (gate.incident !== mandate.incident) return 'the gate is of another incident';
  const isRelease = gate.purpose === 'release';
  const authorises = verb === 'undo' ? authorisesUndo(gate, action) : authorisesApply(gate);
  if (!authorises) return `a gate to ${gate.purpose} does not authorise ${verb}`;
  const wanted = digest(mandate.authority);
  if (!gate.authorities.some((authority) => digest(authority) === wanted))
    return 'the gate is about something else';
  if ((isRelease || gate.purpose === 'undo') && !(gate.base ?? []).includes(mandate.base.digest))
    return `the gate ${isRelease ? 'releases' : 'undoes'} to another snapshot`;
  const { approvals, release, requester } = opening.payload;
  const path = pathOfAddress(mandate.step);
  const approval = isRelease ? release : Object.hasOwn(approvals, path) && approvals[path];
  if (typeof approval !== 'object' || digest(gate.approval) !== digest(approval))
    return 'the gate asks for other approvals than the incident was opened with';
  if (!isRelease && gate.requester !== requester) return 'the gate names another requester';
  if (isRelease) {
    if (request === undefined || !verifySigned(request, 'firebreak/command/v1', gatewayKeys))
      return 'nothing that the gateway signed asks for the release';
    const { command, then, incident, person } = request.payload;
    // Cancelling with `undo` asks for the release as well.
    const asks = command === 'release' || (command === 'cancel' && then === 'undo');
    if (!asks || incident !== gate.incident || person !== gate.requester)
      return 'the gate is not about the release that was asked for';
  }

  const approvers = new Set<string>();
  for (const decision of decisions) {
    if (!verifySigned(decision, 'firebreak/decision/v1', gatewayKeys))
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

/** Whether what a gate asks covers making a change. */
export function authorisesApply({ purpose }: Gate): boolean {
  return purpose === 'contain' || purpose === 'change';
}

/**
 * Whether what a gate asks covers undoing a change. Who approved a reversible change that a failure undoes has approved that undo with it, unless the
 * action's undo is an authority of its own. A containment only a release lets go of.
 */
export function authorisesUndo(
  { purpose, undo }: Gate,
  { effect, undoApproval }: { effect: Effect | undefined; undoApproval?: 'own' | undefined },
): boolean {
  if (purpose === 'release') return true;
  if (effect !== 'reversible') return false;
  return purpose === 'undo' || (purpose === 'change' && undo === 'on-failure' && undoApproval === undefined);
}

/** A target's namespace, empty for what lies in none; that is a principal when it is in no cluster. */
function placesOf({
  authority,
}: Pick<Mandate, 'authority'>): Pick<TargetFacts, 'cluster' | 'namespace' | 'principal'>[] {
  return authority.targets.map((target) => ({
    cluster: target.cluster,
    namespace: target.kind === 'Namespace' && !isOutside(target) ? target.name : (target.namespace ?? ''),
    ...(isOutside(target) ? { principal: target.name } : {}),
  }));
}

/** Whether it is in a system that is no cluster: its name is what guardrails know it by. */
function isOutside({ cluster }: Target): boolean {
  return cluster.includes(':');
}
