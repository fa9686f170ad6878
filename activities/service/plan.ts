import type {
  ActionContext,
  Change,
  Limit,
  Mandate,
  Plan,
  Target,
  TargetFacts,
  Undone,
} from '../../domain/action.ts';
import { canonical, digest, type JsonObject } from '../../domain/json.ts';

/** The parts of a plan for one thing in one service. */
export interface ServicePlan extends Pick<
  Plan,
  'action' | 'changes' | 'notCovered' | 'undo' | 'description'
> {
  target: Target;
  environment: string;
  supports: string[];
  rule: string;
  /** What must be the same when it is applied. For an action that is irreversible. */
  exact?: JsonObject;
  /** What is there now, without any secret: the base of the undo and of the proof. */
  snapshot: JsonObject;
}

/** Stores snapshot and plan, and puts the authority together. */
export async function makePlan({ evidence }: ActionContext, parts: ServicePlan): Promise<Plan> {
  const {
    action,
    target,
    environment,
    supports,
    rule,
    exact,
    snapshot,
    changes,
    notCovered,
    undo,
    description,
  } = parts;
  const put = (value: object) => evidence.put(canonical(value), 'application/json', { essential: true });
  const authority: Plan['authority'] = {
    action,
    targets: [target],
    rule,
    caps: { targets: 1 },
    undo: undo.kind,
    ...(exact === undefined ? {} : { exact: digest(exact) }),
  };
  const facts: TargetFacts[] = [
    { cluster: target.cluster, namespace: '', principal: target.name, supports, pods: 0, environment },
  ];
  const whole = {
    action,
    authority,
    facts,
    changes,
    changeCount: changes.length,
    notCovered,
    undo,
    description,
  };
  return { ...whole, snapshot: await put(snapshot), full: await put(whole) };
}

/** One line of what changes, without a digest of anything: what these actions change is secret or has no documents. */
export function changeOf(
  verb: Change['verb'],
  kind: string,
  name: string,
  summary: string,
  uid?: string,
): Change {
  return { verb, object: { apiVersion: 'v1', kind, name, ...(uid === undefined ? {} : { uid }) }, summary };
}

/** Whether the authority is for this one target, of the identity that was planned. */
export function isFor(
  { authority }: Pick<Mandate, 'authority'>,
  action: string,
  target: Omit<Target, 'uid'>,
): boolean {
  const [only, ...more] = authority.targets;
  return (
    authority.action === action &&
    only !== undefined &&
    more.length === 0 &&
    only.kind === target.kind &&
    only.cluster === target.cluster &&
    only.name === target.name
  );
}

/** The undo of what cannot be undone. */
export function nothingRestored(why: string): Undone {
  return {
    changes: [],
    already: 0,
    conflicts: [],
    notRestored: [why],
    claims: [{ claim: 'it is undone', verdict: 'unverifiable', detail: why }],
  };
}

/** A limit that needs no objects. */
export function limit(code: string, text: string): Limit {
  return { code, text };
}
