import type { JsonObject } from '../../../domain/json.ts';
import { most } from './contract.ts';
import type { Unavailable, Use } from './use.ts';
import type { Window } from './window.ts';

/** All that was read, as it is kept in evidence. */
export type Record = {
  v: 1;
  credential: string;
  since: string;
  until: string;
  /** All uses, those that were not kept included. */
  events: number;
  uses: Use[];
  unavailable: Unavailable[];
};

export function recordOf(
  credential: string,
  { since, until }: Window,
  { uses, left, unavailable }: { uses: Use[]; left: number; unavailable: readonly Unavailable[] },
): Record {
  const capped: Unavailable[] =
    left === 0 ? [] : [{ what: `${left} more uses`, why: `${uses.length} are kept of one reading` }];
  return {
    v: 1,
    credential,
    since: since.toISOString(),
    until: until.toISOString(),
    events: uses.length + left,
    uses,
    unavailable: [...unavailable, ...capped],
  };
}

/** What later steps and people are given. `evidence` is the digest of the record, empty when it could not be kept. */
export function outputsOf(record: Record, evidence: string): JsonObject {
  const { since, until, events, uses, unavailable } = record;
  const pushed = uses.flatMap((use) => (use.pushed === undefined ? [] : [{ at: use.at, ...use.pushed }]));
  const digests = distinct(pushed.map(({ digest }) => digest));
  const tags = pushed.filter(({ tag }) => tag !== '').toReversed();
  const principals = distinct(uses.map(({ principal }) => principal));
  const addresses = distinct(uses.map(({ address }) => hostOf(address)));
  return {
    since,
    until,
    first: uses[0]?.at ?? '',
    last: uses.at(-1)?.at ?? '',
    events,
    digests: digests.slice(0, most.digests),
    digestCount: digests.length,
    tags: tags
      .slice(0, most.tags)
      .map(({ repository, tag, digest, at }) => ({ repository, tag, digest, at })),
    tagCount: tags.length,
    principals: principals.slice(0, most.principals),
    principalCount: principals.length,
    addresses: addresses.slice(0, most.addresses),
    addressCount: addresses.length,
    complete: unavailable.length === 0,
    unavailable: shortened(unavailable),
    evidence,
  };
}

/** The first of them, and how many more there are. */
export function shortened(unavailable: readonly Unavailable[]): Unavailable[] {
  if (unavailable.length <= most.unavailable) return [...unavailable];
  const named = unavailable.slice(0, most.unavailable - 1);
  return [...named, { what: `${unavailable.length - named.length} more`, why: 'named in the evidence' }];
}

/** In order of their code units; no empty ones. */
function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].filter((text) => text !== '').toSorted();
}

/** A client's port is another one each time. */
function hostOf(address: string): string {
  return /^\[([0-9a-fA-F:.%a-z]+)\]:\d+$/.exec(address)?.[1] ?? /^([^:]+):\d+$/.exec(address)?.[1] ?? address;
}
