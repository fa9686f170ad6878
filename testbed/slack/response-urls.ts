import { checkBlocks, withIds } from './blocks.ts';
import { digits, hex } from './identity.ts';
import { objectsOf, textOf } from './types.ts';
import type { Backend } from './emulator.ts';
import type { Messages } from './messages.ts';
import type { Clock, JsonObject, Workspace } from './types.ts';

/** "up to 5 times within 30 minutes" — Handling user interaction, docs.slack.dev/interactivity. */
const MOST_USES = 5;
const LIFE_MS = 30 * 60_000;

/** Where an interaction came from: what its response_url may change. */
export interface Origin {
  channel: string;
  userId: string;
  messageTs: string;
  ephemeral: boolean;
  threadTs?: string;
}

interface Issued extends Origin {
  issuedAt: number;
  uses: number;
}

interface Answer {
  status: number;
  body: JsonObject;
}

const refuse = (status: number, error: string): Answer => ({ status, body: { ok: false, error } });

/**
 * response_urls. The limits are documented; how Slack words a refusal is not: the codes `used_url` and
 * `expired_url`, with HTTP 404, are those that it is known to send.
 */
export class ResponseUrls {
  readonly #backend: Backend;
  readonly #messages: Messages;
  readonly #clock: Clock;
  readonly #workspace: Workspace;
  readonly #issued = new Map<string, Issued>();

  constructor(backend: Backend, messages: Messages, clock: Clock, workspace: Workspace) {
    this.#backend = backend;
    this.#messages = messages;
    this.#clock = clock;
    this.#workspace = workspace;
  }

  /** The path of a new response_url. Whoever knows it can answer: it needs no token. */
  issue(origin: Origin): string {
    const path = `/actions/${this.#workspace.teamId}/${digits(13)}/${hex(12)}`;
    this.#issued.set(path, { ...origin, issuedAt: this.#clock.now(), uses: 0 });
    return path;
  }

  async use(path: string, body: JsonObject): Promise<Answer> {
    const issued = this.#issued.get(path);
    if (!issued) return refuse(404, 'invalid_url');
    if (this.#clock.now() - issued.issuedAt > LIFE_MS) return refuse(404, 'expired_url');
    if (issued.uses >= MOST_USES) return refuse(404, 'used_url');
    issued.uses += 1;
    if (body['delete_original'] === true) return this.#delete(issued);
    if (textOf(body['text']) === '' && objectsOf(body['blocks']).length === 0) return refuse(400, 'no_text');
    if (body['blocks'] !== undefined && checkBlocks(body['blocks'], 50).length > 0)
      return refuse(400, 'invalid_blocks');
    const content = {
      text: textOf(body['text']),
      ...(body['blocks'] === undefined ? {} : { blocks: withIds(objectsOf(body['blocks'])) }),
      ...(body['metadata'] === undefined ? {} : { metadata: body['metadata'] }),
    };
    if (body['replace_original'] === true) return this.#replace(issued, content);
    const threadTs = textOf(body['thread_ts']) || issued.threadTs;
    const thread = threadTs === undefined ? {} : { thread_ts: threadTs };
    if (body['response_type'] === 'in_channel') {
      const author = { bot_id: this.#workspace.botId, app_id: this.#workspace.appId };
      return this.#do('chat.postMessage', { channel: issued.channel, ...content, ...thread, ...author });
    }
    // Ephemeral unless told: only the person who clicked sees it.
    const ts = `${Math.floor(this.#clock.now() / 1000)}.${digits(6)}`;
    this.#messages.addEphemeral({ ts, channel: issued.channel, user: issued.userId, ...content, ...thread });
    return { status: 200, body: { ok: true } };
  }

  async #replace(issued: Issued, content: { text: string; blocks?: JsonObject[] }): Promise<Answer> {
    if (issued.ephemeral) {
      this.#messages.replaceEphemeral(issued.messageTs, content);
      return { status: 200, body: { ok: true } };
    }
    const before = await this.#messages.find(issued.channel, issued.messageTs);
    const answer = await this.#do('chat.update', {
      channel: issued.channel,
      ts: issued.messageTs,
      ...content,
    });
    if (answer.status === 200 && before) this.#messages.keepVersion(issued.channel, before);
    return answer;
  }

  async #delete(issued: Issued): Promise<Answer> {
    if (!issued.ephemeral) return this.#do('chat.delete', { channel: issued.channel, ts: issued.messageTs });
    this.#messages.removeEphemeral(issued.messageTs);
    return { status: 200, body: { ok: true } };
  }

  async #do(method: string, args: JsonObject): Promise<Answer> {
    const answer = await this.#backend.asSlack(method, args);
    this.#messages.changed();
    return answer['ok'] === true ? { status: 200, body: { ok: true } } : refuse(404, textOf(answer['error']));
  }
}
