import { describe, expect, test } from '@jest/globals';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Authority, Mandate } from '../../../domain/action.ts';
import {
  gateDigest,
  type Decision,
  type Gate,
  type Opening,
  type Warrant,
} from '../../../domain/decision.ts';
import { sha256 } from '../../../domain/json.ts';
import { keyId, signedBytes, type Signed } from '../../../domain/signature.ts';
import { warrantProblem } from '../../../domain/warrant.ts';

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
  requester: 'dana',
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
const problem = (warrant: Warrant, verb: 'apply' | 'undo' = 'apply', on = mandate) =>
  warrantProblem(verb, on, warrant, keys, { groupsOf: (person) => groups[person] }, ['leads']);
const good: Warrant = { opening: signed(opening), gate, decisions: [signed(decision())], automatic: false };

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
      { gate: { ...gate, authorities: [authority('shop'), authority('bank')] } },
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
    expect(problem(good, 'apply', { ...mandate, authority: authority('bank') })).toMatch(/something else/);
    const wider = { ...mandate, authority: { ...authority('shop'), caps: { policies: 1000 } } };
    expect(problem(good, 'apply', wider)).toMatch(/something else/);
  });

  test('counts persons, not decisions', () => {
    const two: Gate = { ...gate, approval: { ...gate.approval, count: 2 } };
    const twice = [signed(decision({}, two)), signed(decision({ at: '2026-01-01T00:02:00.000Z' }, two))];
    expect(problem({ ...good, gate: two, decisions: twice })).toMatch(/1 of 2/);
    const both = [signed(decision({}, two)), signed(decision({ person: 'ben' }, two))];
    expect(problem({ ...good, gate: two, decisions: both })).toBeUndefined();
  });

  test('a containment gate does not release, and a release is to the snapshot that was approved', () => {
    expect(problem(good, 'undo')).toMatch(/does not authorise undo/);
    const release: Gate = { ...gate, id: 'release', purpose: 'release', base: [base.digest] };
    const warrant = { ...good, gate: release, decisions: [signed(decision({}, release))] };
    expect(problem(warrant, 'undo')).toBeUndefined();
    expect(problem(warrant, 'apply')).toMatch(/does not authorise apply/);
    expect(problem(warrant, 'undo', { ...mandate, base: { ...base, digest: sha256('forged') } })).toMatch(
      /another snapshot/,
    );
  });

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
});
