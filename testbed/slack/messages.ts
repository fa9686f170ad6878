import { EventEmitter, on } from 'node:events';
import { isObject, objectsOf, textOf } from './types.ts';
import type { Backend } from './emulator.ts';
import type { EphemeralMessage, JsonObject, SlackMessage } from './types.ts';

const asMessages = (value: unknown): SlackMessage[] =>
  objectsOf(value).map((raw) => ({ ...raw, ts: textOf(raw['ts']), text: textOf(raw['text']) }));

/** What people see in the channels: the emulator's messages, earlier versions of them, and ephemeral ones. */
export class Messages {
  readonly #backend: Backend;
  readonly #changes = new EventEmitter();
  readonly #versions = new Map<string, SlackMessage[]>();
  #ephemeral: EphemeralMessage[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Every message of a channel, replies included, oldest first. */
  async all(channel: string): Promise<SlackMessage[]> {
    const roots: SlackMessage[] = [];
    let cursor = '';
    do {
      const page = await this.#backend.asSlack('conversations.history', { channel, limit: 1000, cursor });
      if (page['ok'] !== true) throw new Error(`cannot read channel ${channel}: ${textOf(page['error'])}`);
      roots.push(...asMessages(page['messages']));
      const next = page['response_metadata'];
      cursor = isObject(next) ? textOf(next['next_cursor']) : '';
    } while (cursor !== '');
    const threads = await Promise.all(roots.map((root) => this.#thread(channel, root)));
    return threads.flat().toSorted((a, b) => Number(a.ts) - Number(b.ts));
  }

  async find(channel: string, ts: string): Promise<SlackMessage | undefined> {
    return (await this.all(channel)).find((message) => message.ts === ts);
  }

  async #thread(channel: string, root: SlackMessage): Promise<SlackMessage[]> {
    if (root['reply_count'] === undefined) return [root];
    const answer = await this.#backend.asSlack('conversations.replies', { channel, ts: root.ts });
    return asMessages(answer['messages']);
  }

  /** The versions that an update replaced, oldest first. A slow client may still show, and click in, one of them. */
  versions(channel: string, ts: string): SlackMessage[] {
    return this.#versions.get(`${channel} ${ts}`) ?? [];
  }

  keepVersion(channel: string, message: SlackMessage): void {
    this.#versions.set(`${channel} ${message.ts}`, [...this.versions(channel, message.ts), message]);
  }

  ephemeral(userId?: string): EphemeralMessage[] {
    return this.#ephemeral.filter((message) => userId === undefined || message.user === userId);
  }

  addEphemeral(message: EphemeralMessage): void {
    this.#ephemeral.push(message);
    this.changed();
  }

  replaceEphemeral(ts: string, change: { text: string; blocks?: JsonObject[] }): void {
    this.#ephemeral = this.#ephemeral.map((old) =>
      old.ts === ts ? { ts, channel: old.channel, user: old.user, ...change } : old,
    );
    this.changed();
  }

  removeEphemeral(ts: string): void {
    this.#ephemeral = this.#ephemeral.filter((message) => message.ts !== ts);
    this.changed();
  }

  changed(): void {
    this.#changes.emit('change');
  }

  /** Looks after every change until `look` finds `what`. Rejects after `timeoutMs`, and says what did not appear. */
  async until<T>(what: string, look: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs);
    // Listening before the first look, so that a change between the two is not missed.
    const changes = on(this.#changes, 'change', { signal: deadline });
    try {
      for (;;) {
        const found = await look();
        if (found !== undefined) return found;
        await changes.next();
      }
    } catch (error) {
      if (!deadline.aborted) throw error;
      throw new Error(`${what} did not appear within ${timeoutMs} ms`, { cause: error });
    } finally {
      await changes.return?.();
    }
  }
}
