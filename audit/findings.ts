import type { Json } from '../domain/json.ts';

/** What the verifier can find, by code (docs/reference/errors.md). Never renumbered: auditors keep reports. */
export const findingTitles = {
  FB5101: 'a file that the manifest lists is missing',
  FB5102: 'a file is not listed in the manifest',
  FB5103: "a file's bytes are not those the manifest lists",
  FB5104: 'not a regular file',
  FB5105: 'the manifest names a path outside the layout of a bundle',
  FB5106: 'too large',
  FB5107: 'not canonical JSON',
  FB5108: 'not of the expected shape',
  FB5109: 'a part belongs to another incident',
  FB5201: 'the manifest is not signed by the trusted key',
  FB5202: 'the signature of the manifest is invalid',
  FB5203: 'the ledger seal is not signed by the trusted key',
  FB5204: 'the signature of the ledger seal is invalid',
  FB5205: 'the history seal is not signed by the trusted key',
  FB5206: 'the signature of the history seal is invalid',
  FB5207: 'the signature is over another manifest',
  FB5208: 'the history is not the one that was sealed',
  FB5301: 'a ledger entry is malformed',
  FB5302: "a ledger entry's hash is not its own",
  FB5303: 'a ledger entry does not follow the one before',
  FB5304: 'ledger entries are out of order or missing',
  FB5306: 'the ledger has not as many entries as were sealed',
  FB5307: 'the ledger does not end with the sealed head',
  FB5401: 'events of the history are out of order or missing',
  FB5402: 'the history has no terminal event',
  FB5403: 'the history lacks a core flag',
  FB5404: 'an activity id is not <verb>/<seq>/<hash>',
  FB5405: 'an activity id does not name the entry that it carries',
  FB5406: 'the history carries another entry than the ledger',
  FB5407: 'the history does not carry a ledger entry',
  FB5408: 'the ledger is not sealed by the last activity',
  FB5409: 'the runs are no unbroken chain',
  FB5410: 'the history has not as many events as were sealed',
  FB5411: 'the history is of another workflow',
  FB5412: 'a run does not begin with what the one before handed on',
  FB5501: 'the workflow does not reproduce the history',
  FB5502: 'the history could not be replayed',
  FB5503: 'the recomputed entry differs from the ledger',
  FB5504: 'the replay does not produce a ledger entry',
  FB5505: 'the replay produces an entry that the ledger lacks',
  FB5506: 'the replay produces another activity than the history',
  FB5507: 'the replay hands on something else than the history',
  FB5601: 'the signature of a decision is invalid',
  FB5602: 'a decision is signed by an unknown key',
  FB5603: 'the person may not decide this gate',
  FB5604: 'the requester decided',
  FB5605: 'a decision is about something else than the gate',
  FB5606: 'a decision came too late',
  FB5607: 'a change was made without enough approvals',
  FB5608: 'a change was made without a person where the opening demands one',
  FB5609: 'the opening is not signed by the gateway, or is of another incident',
  FB5610: 'the gateway keys are not those that were sealed',
  FB5611: 'a change was made under an authority that was not approved',
  FB5612: 'a change was made under a gate that the opening or the request for it does not bear out',
  FB5613: 'the person may not command the incident',
  FB5614: 'a command is not one that the incident takes',
  FB5615: 'a decision says what its gate does not take',
  FB5616: 'a containment in automatic mode reached beyond where the alert was seen',
  FB5701: 'an artefact is missing',
  FB5702: 'an artefact is not what its digest says',
  FB5703: 'the chain of custody is malformed',
  FB5704: 'an artefact that the ledger refers to is not in the chain of custody',
  FB5705: 'an artefact is in no chain of custody',
  FB5801: 'a line of the access log is malformed',
  FB5802: 'a line of the access log has a hash that is not its own',
  FB5803: 'a line of the access log does not follow the one before',
  FB5901: 'the playbook is not the one the incident ran',
} as const;

export type FindingCode = keyof typeof findingTitles;

/** One thing that is wrong with a bundle: what, where, and what was expected in its place. */
export interface Finding {
  code: FindingCode;
  title: string;
  /** The file inside the bundle. */
  file: string;
  /** Where in it: `entry 5`, `event 17`, `line 3`; empty for the whole file. */
  at: string;
  /** In one line. Holds text from the bundle only as quoted, bounded JSON. */
  detail: string;
  expected?: string;
  found?: string;
}

/** Cap on kept findings: a hostile bundle must not fill the auditor's memory or screen. */
const keep = 1_000;

/** Gathers findings in the order they were made. */
export class Findings {
  readonly list: Finding[] = [];
  /** All of them, those beyond the cap included. */
  count = 0;

  add(
    code: FindingCode,
    file: string,
    at: string,
    detail: string,
    difference: { expected?: Json | undefined; found?: Json | undefined } = {},
  ): void {
    this.count++;
    if (this.list.length >= keep) return;
    const finding: Finding = { code, title: findingTitles[code], file, at, detail };
    if (difference.expected !== undefined) finding.expected = quote(difference.expected);
    if (difference.found !== undefined) finding.found = quote(difference.found);
    this.list.push(finding);
  }
}

/** A value from a bundle on one line: JSON, so that control characters are escaped, and short. */
export function quote(value: unknown, limit = 300): string {
  const text = (JSON.stringify(value) ?? 'nothing').replaceAll(
    // Terminal controls and text-direction marks that JSON leaves as they are.
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

/** Two long texts as a person can compare them: both from a little before the first difference. */
export function difference(expected: string, found: string): { expected: string; found: string } {
  let at = 0;
  while (at < expected.length && expected[at] === found[at]) at++;
  const from = Math.max(0, at - 60);
  const part = (text: string) => `${from > 0 ? '…' : ''}${text.slice(from, from + 200)}`;
  return { expected: part(expected), found: part(found) };
}
