import type { Person } from '../domain/person.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { LedgerEntry } from '../domain/ledger.ts';
import { object, text } from './history.ts';

/** A ledger entry in words. Holds text that a detector chose: whoever renders it makes it safe for its place. */
export interface Told {
  /** Who did it: a person, a detector, or Firebreak. */
  actor: string;
  text: string;
  details: string[];
}

type Teller = (
  data: JsonObject,
  who: (id: Json | undefined) => string,
) => Omit<Told, 'actor' | 'details'> & Partial<Told>;

const engine = 'Firebreak';
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const word = (value: Json | undefined): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
const because = (why: Json | undefined): string => (word(why) === '' ? '' : `, because: ${word(why)}`);
const changesOf = (value: Json | undefined): string[] =>
  list(value).map((item) => {
    const { verb, object: target, before, after } = object(item);
    const { kind, namespace, name } = object(target);
    const place = [namespace, name]
      .map(word)
      .filter((part) => part !== '')
      .join('/');
    return `${word(verb)} ${word(kind)} ${place}: ${word(before) || 'nothing'} → ${word(after) || 'nothing'}`;
  });
const claimsOf = (value: Json | undefined): string[] =>
  list(value).map((item) => {
    const { claim, verdict, detail } = object(item);
    return `${word(verdict)}: ${word(claim)}${word(detail) === '' ? '' : ` (${word(detail)})`}`;
  });

/** Each kind of entry that means something to a person. */
const tellers: { [kind: string]: Teller } = {
  'incident.opened': (d, who) => ({
    actor: who(d['requester']),
    text: `opened “${word(d['title'])}” (${word(d['severity'])}, mode ${word(d['mode'])})`,
    details: [
      `playbook ${word(object(d['playbook'])['id'])} version ${word(object(d['playbook'])['version'])}, ${word(object(d['playbook'])['digest'])}`,
    ],
  }),
  'alert.joined': (d) => ({
    actor: `detector ${word(d['source'])}`,
    text: `alert “${word(d['rule'])}” (${word(d['severity'])}), detected ${word(d['detectedAt'])}`,
    details: [`id ${word(d['id'])}, raw ${word(d['raw'])}`],
  }),
  'alert.counted': (d) => ({
    text: `counted ${word(d['copies'])} copies and ${word(d['unlisted'])} further alerts`,
  }),
  'step.planning': (d) => ({
    text: `plans ${word(d['step'])}: ${word(d['action'])}`,
    details: [`input ${word(d['input'])}`],
  }),
  'step.planned': (d) => ({
    text: `planned ${word(d['step'])}: ${word(object(d['authority'])['rule'])}; ${word(d['changes'])} changes`,
    details: [
      `plan ${word(d['plan'])}`,
      ...list(object(d['authority'])['targets']).map((item) => {
        const { kind, cluster, namespace, name, uid } = object(item);
        return `target ${word(kind)} ${[cluster, namespace, name].map(word).filter(Boolean).join('/')} (uid ${word(uid)})`;
      }),
      ...list(d['notCovered']).map(
        (item) => `not covered (${word(object(item)['code'])}): ${word(object(item)['text'])}`,
      ),
    ],
  }),
  'step.again': (d) => ({ text: `asks again for ${word(d['step'])}${because(d['why'])}` }),
  'step.applying': (d) => ({
    text: `applies ${word(d['step'])}`,
    details: [`authority ${word(d['authority'])}`],
  }),
  'step.applied': (d) => ({
    text: `applied ${word(d['step'])}: ${word(d['changeCount'])} changes, ${word(d['already'])} in place already`,
    details: [
      ...changesOf(d['changes']),
      ...Object.entries(object(d['measures'])).map(([name, value]) => `${name}: ${word(value)}`),
      ...list(d['unavailable']).map(
        (item) => `unavailable: ${word(object(item)['what'])} (${word(object(item)['why'])})`,
      ),
    ],
  }),
  'step.interrupted': (d) => ({ text: `stopped applying ${word(d['step'])}${because(d['why'])}` }),
  'step.verified': (d) => ({
    text: `verified ${word(d['step'])}: ${word(d['verdict'])}, ${word(d['state'])}`,
    details: claimsOf(d['claims']),
  }),
  'step.ended': (d) => ({ text: `step ${word(d['step'])} ended: ${word(d['status'])}${because(d['why'])}` }),
  'step.undoing': (d) => ({
    text: `restores what ${word(d['step'])} changed`,
    details: [`to snapshot ${word(d['base'])}`],
  }),
  'step.undone': (d) => ({
    text: `restored ${word(d['step'])}: ${word(d['changeCount'])} changes`,
    details: [
      ...changesOf(d['changes']),
      ...claimsOf(d['claims']),
      ...list(d['conflicts']).map(
        (item) => `conflict, kept: ${word(object(item)['object'])} (${word(object(item)['why'])})`,
      ),
      ...list(d['notRestored']).map((item) => `not put back: ${word(item)}`),
    ],
  }),
  'gate.opened': (d) => {
    const gate = object(d['gate']);
    const approval = object(gate['approval']);
    return {
      text: `asks ${list(approval['from']).map(word).join(', ')} for ${word(approval['count'])} approval of ${word(gate['id'])} (${word(gate['purpose'])}) until ${word(gate['expiresAt'])}`,
      details: [`gate ${word(d['digest'])}`],
    };
  },
  'gate.escalated': (d) => ({
    text: `nobody answered ${word(d['gate'])}: calls ${list(d['to']).map(word).join(', ')}`,
  }),
  'decision.taken': (d, who) => ({
    actor: who(d['person']),
    text: `${d['verdict'] === 'approve' ? 'approves' : 'denies'} ${word(d['gate'])} through ${word(d['via'])}${because(d['reason'])}`,
    details: [
      ...Object.entries(object(d['answers'])).map(([field, value]) => `${field}: ${word(value)}`),
      `on ${word(d['digest'])}, signed by ${word(d['keyId'])}`,
    ],
  }),
  'gate.closed': (d) => ({ text: `${word(d['gate'])} is ${word(d['answer'])}${because(d['why'])}` }),
  'command.taken': (d, who) => ({
    actor: who(d['person']),
    text: `asks for ${[d['command'], d['then']].map(word).filter(Boolean).join(' and ')} through ${word(d['via'])}${because(d['reason'])}`,
  }),
  'hold.acquired': (d) => ({
    text: `holds ${word(d['target'])} for ${word(d['step'])}${d['first'] === true ? '' : ', which another incident holds too'}`,
    details: [`base snapshot ${word(d['base'])}`],
  }),
  'hold.inherited': (d) => ({
    text: `takes over the hold of ${list(d['from']).map(word).join(', ')}, which ended without letting go`,
  }),
  'hold.expired': (d) => ({ text: `the hold of ${word(d['step'])} ran out: it stays contained` }),
  'hold.ended': (d) => ({ text: `holds ${word(d['target'])} no more${because(d['why'])}` }),
  'notice.failed': (d) => ({ text: `could not be said (${word(d['what'])}): ${word(d['message'])}` }),
  'incident.kept': () => ({ text: 'reminds that it is kept open: it was cancelled with hold' }),
  'run.continued': (d) => ({ text: `goes on in run ${Number(d['runs'] ?? 0) + 1} of its workflow` }),
  'incident.closed': (d) => ({ text: `closed: ${word(d['outcome'])}` }),
};

/** Kinds that are bookkeeping: a replay shows them, a timeline does not. */
export const quietKinds: readonly string[] = [
  'notice.asked',
  'notice.told',
  'notice.updated',
  'hold.acquiring',
  'hold.letting-go',
  'hold.settling',
  'step.verifying',
  'ledger.flushed',
  'run.continued',
];

/** An entry in words. A kind that is not known here is shown as it stands, never left out. */
export function tell(entry: LedgerEntry, people: readonly Person[]): Told {
  const who = (id: Json | undefined): string => {
    const person = people.find((candidate) => candidate.id === id);
    return person === undefined ? text(id) : `${person.name} (${person.id})`;
  };
  const told = tellers[entry.kind]?.(entry.data, who) ?? {
    text: `${entry.kind} ${JSON.stringify(entry.data)}`,
  };
  return { actor: engine, details: [], ...told };
}
