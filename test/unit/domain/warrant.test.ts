import { describe, expect, test } from '@jest/globals';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Authority, Mandate } from '../../../domain/action.ts';
import {
  gateDigest,
  type Command,
  type Decision,
  type Gate,
  type Opening,
  type Warrant,
} from '../../../domain/decision.ts';
import { sha256 } from '../../../domain/json.ts';
import { keyId, signedBytes, type Signed } from '../../../domain/signature.ts';
import { warrantProblem, type House } from '../../../domain/warrant.ts';

const pair = generateKeyPairSync('ed25519');
const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
const keys = [{ id: keyId(raw), key: raw }];
const other = generateKeyPairSync('ed25519');

function signed<T extends { type: string }>(payload: T, by = pair): Signed<T> {
  return {
    payload,
    keyId: keyId(raw),
    signature: sign(null, signedBytes(payload), by.privateKey).toString('base64'),
  };
}

const authority = (namespace: string): Authority => ({
  action: 'a',
  targets: [{ kind: 'Namespace', cluster: 'c', name: namespace, uid: `uid-${namespace}` }],
  rule: 'r',
  caps: { policies: 10 },
  undo: 'restore',
});
const base = { digest: sha256('base'), size: 1, mediaType: 'x/y' };
const mandate: Mandate = { incident: 'i', step: 's', input: {}, authority: authority('shop'), base };
const gate: Gate = {
  incident: 'i',
  id: 's',
  purpose: 'contain',
  authorities: [authority('shop')],
  approval: { from: ['responders'], count: 1, withinMs: 1000, otherwise: 'deny' },
  requester: 'dana',
  expiresAt: '2026-01-01T00:05:00.000Z',
};
const opening: Opening = {
  type: 'firebreak/opening/v1',
  incident: 'i',
  playbook: sha256('p'),
  inputs: sha256('{}'),
  mode: 'approve',
  severity: 'high',
  requester: 'dana',
  about: { cluster: 'c', namespace: 'shop' },
  approvals: { s: gate.approval },
  release: gate.approval,
  at: '2026-01-01T00:00:00.000Z',
};
const decision = (over: Partial<Decision> = {}, about = gate): Decision => ({
  type: 'firebreak/decision/v1',
  incident: 'i',
  gate: about.id,
  digest: gateDigest(about),
  verdict: 'approve',
  person: 'ada',
  via: 'slack',
  at: '2026-01-01T00:01:00.000Z',
  ...over,
});
const groups: { [person: string]: string[] } = {
  ada: ['responders'],
  ben: ['responders'],
  eve: ['leads'],
  dana: ['responders'],
  zoe: [],
};
const house: House = {
  gatewayKeys: keys,
  directory: { groupsOf: (person) => groups[person] },
  escalation: ['leads'],
  guardrails: {
    protectedNamespaces: ['bank', 'vault-*'],
    maxNamespaces: 1,
    maxPods: 10,
    automatic: [{ environments: ['production'], minSeverity: 'high' }],
  },
  environmentOf: (cluster) => (cluster === 'c' ? 'production' : undefined),
};
const problem = (warrant: Warrant, verb: 'apply' | 'undo' = 'apply', on = mandate) =>
  warrantProblem(verb, { effect: 'contain' }, on, warrant, house);
const request: Command = {
  type: 'firebreak/command/v1',
  incident: 'i',
  command: 'release',
  person: 'dana',
  reason: 'r',
  via: 'api',
  at: '2026-01-01T00:00:30.000Z',
  nonce: 'n',
};
const good: Warrant = { opening: signed(opening), gate, decisions: [signed(decision())], automatic: false };

const under = (asked: Gate): Warrant => ({
  ...good,
  gate: asked,
  decisions: [signed(decision({}, asked))],
});

describe('a warrant', () => {
  test('authorises what was approved, by a responder or by those it was escalated to', () => {
    expect(problem(good)).toBeUndefined();
    expect(problem({ ...good, decisions: [signed(decision({ person: 'eve' }))] })).toBeUndefined();
  });

  test.each<[string, Partial<Warrant>, RegExp]>([
    ['a forged opening', { opening: signed(opening, other) }, /opening carries no valid signature/],
    [
      'the opening of another incident',
      { opening: signed({ ...opening, incident: 'j' }) },
      /another incident/,
    ],
    ['no decision', { decisions: [] }, /0 of 1/],
    ['a forged decision', { decisions: [signed(decision(), other)] }, /decision carries no valid signature/],
    ['a denial', { decisions: [signed(decision({ verdict: 'deny' }))] }, /denied/],
    ['the requester', { decisions: [signed(decision({ person: 'dana' }))] }, /requester/],
    ['a stranger', { decisions: [signed(decision({ person: 'mallory' }))] }, /not in the directory/],
    ['somebody of no group', { decisions: [signed(decision({ person: 'zoe' }))] }, /none of the groups/],
    ['a late decision', { decisions: [signed(decision({ at: '2026-01-01T00:05:01.000Z' }))] }, /expired/],
    [
      'a decision about another digest',
      { decisions: [signed(decision({ digest: sha256('x') }))] },
      /another gate/,
    ],
    [
      'a gate that was widened afterwards',
      { gate: { ...gate, authorities: [authority('shop'), authority('market')] } },
      /another gate/,
    ],
    [
      'no gate outside automatic mode',
      { gate: undefined as never, decisions: [], automatic: true },
      /not opened in automatic/,
    ],
  ])('refuses %s', (_what, over, why) => {
    const { gate: given, ...rest } = { ...good, ...over };
    expect(problem(given === undefined ? rest : { ...rest, gate: given })).toMatch(why);
  });

  test('refuses another target than the approved one', () => {
    expect(problem(good, 'apply', { ...mandate, authority: authority('market') })).toMatch(/something else/);
    const wider = { ...mandate, authority: { ...authority('shop'), caps: { policies: 1000 } } };
    expect(problem(good, 'apply', wider)).toMatch(/something else/);
  });

  test('counts persons, not decisions', () => {
    const two: Gate = { ...gate, approval: { ...gate.approval, count: 2 } };
    const twice = [signed(decision({}, two)), signed(decision({ at: '2026-01-01T00:02:00.000Z' }, two))];
    const asked = { ...good, opening: signed({ ...opening, approvals: { s: two.approval } }), gate: two };
    expect(problem({ ...asked, decisions: twice })).toMatch(/1 of 2/);
    const both = [signed(decision({}, two)), signed(decision({ person: 'ben' }, two))];
    expect(problem({ ...asked, decisions: both })).toBeUndefined();
    expect(problem({ ...good, opening: asked.opening })).toMatch(
      /other approvals than the incident was opened with/,
    );
  });

  test('a containment gate does not release, and a release is to the snapshot that was approved', () => {
    expect(problem(good, 'undo')).toMatch(/does not authorise undo/);
    const release: Gate = { ...gate, id: 'release', purpose: 'release', base: [base.digest] };
    const unasked = { ...good, gate: release, decisions: [signed(decision({}, release))] };
    const warrant = { ...unasked, request: signed(request) };
    expect(problem(unasked, 'undo')).toMatch(/nothing that the gateway signed asks/);
    for (const [over, by] of [
      [{}, other],
      [{ person: 'ada' }, pair],
      [{ incident: 'j' }, pair],
      [{ command: 'takeover' as const }, pair],
    ] as const) {
      expect(problem({ ...unasked, request: signed({ ...request, ...over }, by) }, 'undo')).toBeDefined();
    }
    expect(problem(warrant, 'undo')).toBeUndefined();
    expect(problem(warrant, 'apply')).toMatch(/does not authorise apply/);
    expect(problem(warrant, 'undo', { ...mandate, base: { ...base, digest: sha256('forged') } })).toMatch(
      /another snapshot/,
    );
  });

  test('an undo that is an authority of its own is not covered by the approval of the change', () => {
    const change: Gate = { ...gate, purpose: 'change', undo: 'on-failure' };
    const undo: Gate = { ...gate, id: 's#2', purpose: 'undo', base: [base.digest] };
    const judged = (asked: Gate, own?: 'own', on = mandate) =>
      warrantProblem(
        'undo',
        { effect: 'reversible', ...(own === undefined ? {} : { undoApproval: own }) },
        on,
        under(asked),
        house,
      );
    expect(judged(change)).toBeUndefined();
    expect(judged(change, 'own')).toMatch(/a gate to change does not authorise undo/);
    expect(judged(undo, 'own')).toBeUndefined();
    expect(judged(undo)).toBeUndefined();
    const elsewhere = { ...mandate, base: { ...base, digest: sha256('forged') } };
    expect(judged(undo, 'own', elsewhere)).toMatch(/undoes to another snapshot/);
    expect(problem(under(undo), 'apply')).toMatch(/does not authorise apply/);
    // What is contained is let go of by a release only.
    expect(problem(under(undo), 'undo')).toMatch(/a gate to undo does not authorise undo/);
  });

  test('an approver cannot make somebody else the requester of what is theirs', () => {
    const forged = { ...gate, requester: 'zoe' };
    const own = [signed(decision({ person: 'dana' }, forged))];
    expect(problem({ ...good, gate: forged, decisions: own })).toMatch(/another requester/);
  });

  test('a step that the opening does not know, or a name of every object, has no approvals', () => {
    for (const step of ['t', 'constructor', '__proto__'])
      expect(problem(good, 'apply', { ...mandate, step })).toMatch(/other approvals/);
  });

  test.each(['kube-system', 'firebreak-system', 'bank', 'vault-1'])(
    'never authorises a change of %s, whoever approved it',
    (name) => {
      const wrong = { ...gate, authorities: [authority(name)] };
      const warrant = { ...good, gate: wrong, decisions: [signed(decision({}, wrong))] };
      expect(problem(warrant, 'apply', { ...mandate, authority: authority(name) })).toMatch(/is protected/);
    },
  );

  test('automatic needs the opening to say so', () => {
    const automatic = {
      opening: signed({ ...opening, mode: 'automatic' as const }),
      decisions: [],
      automatic: true,
    };
    expect(problem(automatic)).toBeUndefined();
    expect(problem(automatic, 'undo')).toBeDefined();
    expect(problem({ ...automatic, automatic: false })).toBeDefined();
  });

  test('automatic reaches no further than the alert, and only where the configuration of today allows it', () => {
    const automatic = (over: Partial<Opening> = {}) => ({
      opening: signed({ ...opening, mode: 'automatic' as const, ...over }),
      decisions: [],
      automatic: true,
    });
    const elsewhere = { ...mandate, authority: authority('market') };
    expect(problem(automatic(), 'apply', elsewhere)).toMatch(/not where the alert was seen/);
    const { about: _, ...byHand } = opening;
    expect(problem({ ...automatic(), opening: signed({ ...byHand, mode: 'automatic' }) })).toMatch(
      /not where the alert was seen/,
    );
    expect(problem(automatic({ severity: 'medium' }))).toMatch(/not allowed there/);
    const other = { cluster: 'd', namespace: 'shop' };
    const target = { kind: 'Namespace', cluster: 'd', name: 'shop', uid: 'u' };
    const there = { ...mandate, authority: { ...authority('shop'), targets: [target] } };
    expect(problem(automatic({ about: other }), 'apply', there)).toMatch(/not allowed there/);
    expect(warrantProblem('apply', { effect: 'irreversible' }, mandate, automatic(), house)).toMatch(
      /not allowed there/,
    );
  });
});
