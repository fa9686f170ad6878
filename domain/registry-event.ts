import type { Digest } from './json.ts';

/** What a registry says that somebody did to it. Every text is as it came, cut to `registryEventCaps`: an attacker chose most of them. */
export interface RegistryEvent {
  /** The registry's own id of it. */
  id: string;
  /** When it happened, by the registry's clock. RFC 3339 UTC. */
  at: string;
  /** `push`, `pull`, `delete`, `mount`. */
  action: string;
  /** The user that the registry authenticated; empty when it authenticates nobody. */
  actor: string;
  /** Of the client, with its port. */
  address: string;
  agent: string;
  repository: string;
  /** Empty when it was done by digest. */
  tag: string;
  digest: string;
  /** Whether it is about a manifest or an index, not about a layer or a configuration. */
  image: boolean;
}

/** A notification that nobody could read. That there was one is kept, or a sender could hide behind it. */
export interface UnreadableEvent {
  /** Of the bytes that came. */
  digest: Digest;
  /** Bytes. */
  size: number;
  why: string;
}

/** Longest texts of an event in UTF-16 units. What is longer was not made by a registry that works. */
export const registryEventCaps = {
  id: 128,
  action: 32,
  actor: 256,
  address: 128,
  agent: 256,
  repository: 256,
  tag: 128,
  digest: 160,
} as const;

export interface RegistryEventQuery {
  registry: string;
  actor: string;
  /** RFC 3339 UTC; both ends are in it. */
  since: string;
  until: string;
  /** Events that are answered at most; the rest is counted. */
  most: number;
}

export interface RegistryEventAnswer {
  /** In the order in which they came. */
  events: RegistryEvent[];
  /** All that match. */
  count: number;
  /** Notifications, and damaged lines of the store, that came in the window and may have been about the actor. */
  unreadable: number;
  /** When the first notification of this registry ever came; absent when none has. */
  began?: string;
  /** What had to make room: how many events, and when the latest of them happened. */
  dropped?: { events: number; until: string };
}

/** The notifications of registries, as they were taken in: appended to, and bounded. */
export interface RegistryEvents {
  /**
   * Durable when it resolves. An event whose id is known is not stored again.
   * @throws FirebreakError FB6214 when another process writes, FB6202 when the disk is full; nothing counts as stored then
   */
  append(
    registry: string,
    batch: { events: readonly RegistryEvent[]; unreadable?: readonly UnreadableEvent[] },
  ): Promise<{ stored: number; known: number }>;
  find(query: RegistryEventQuery): Promise<RegistryEventAnswer>;
}
