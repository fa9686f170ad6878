import { checkBlocks, checkView, withIds } from './blocks.ts';
import { page, stripMetadata, withinTimes } from './paging.ts';
import { isObject, objectsOf, textOf } from './types.ts';
import type { Backend } from './emulator.ts';
import type { Directory } from './directory.ts';
import type { Messages } from './messages.ts';
import type { Triggers } from './triggers.ts';
import type { JsonObject, Workspace } from './types.ts';
import type { Views } from './views.ts';

export interface MethodContext {
  workspace: Workspace;
  backend: Backend;
  directory: Directory;
  messages: Messages;
  triggers: Triggers;
  views: Views;
  externalChannels: ReadonlySet<string>;
}

export type Method = (args: JsonObject) => Promise<JsonObject>;

const failed = (error: string): JsonObject => ({ ok: false, error });

/** An error with the faults in both places where Slack puts them. */
const refused = (error: string, faults: string[]): JsonObject => ({
  ...failed(error),
  errors: faults,
  response_metadata: { messages: faults.map((fault) => `[ERROR] ${fault}`) },
});

const isTrue = (value: unknown): boolean =>
  value === true || value === 'true' || value === '1' || value === 1;

/**
 * The methods that the emulator answers too kindly, or not at all. Each checks what Slack's documentation says
 * Slack checks, then lets the emulator do and store the thing.
 */
export function methodOverrides(context: MethodContext): Record<string, Method> {
  const { backend, directory, messages, triggers, views, workspace } = context;

  /** Refuses bad blocks and metadata; adds what Slack adds to a bot's message. */
  const prepare = (args: JsonObject): { faulty: JsonObject } | { prepared: JsonObject } => {
    const faults = args['blocks'] === undefined ? [] : checkBlocks(args['blocks'], 50);
    if (faults.length > 0) return { faulty: refused('invalid_blocks', faults) };
    const metadata = args['metadata'];
    if (
      metadata !== undefined &&
      !(
        isObject(metadata) &&
        typeof metadata['event_type'] === 'string' &&
        isObject(metadata['event_payload'])
      )
    ) {
      return { faulty: failed('invalid_metadata_format') };
    }
    const blocks = args['blocks'] === undefined ? {} : { blocks: withIds(objectsOf(args['blocks'])) };
    return { prepared: { ...args, ...blocks, bot_id: workspace.botId, app_id: workspace.appId } };
  };

  const post: Method = async (args) => {
    const checked = prepare(args);
    if ('faulty' in checked) return checked.faulty;
    const answer = await backend.asBot('chat.postMessage', checked.prepared);
    messages.changed();
    return answer;
  };

  const update: Method = async (args) => {
    const checked = prepare(args);
    if ('faulty' in checked) return checked.faulty;
    const channel = textOf(args['channel']);
    const before = await messages.find(channel, textOf(args['ts'])).catch(() => undefined);
    const answer = await backend.asBot('chat.update', checked.prepared);
    if (answer['ok'] === true && before) messages.keepVersion(channel, before);
    messages.changed();
    return answer;
  };

  const postEphemeral: Method = async (args) => {
    const checked = prepare(args);
    if ('faulty' in checked) return checked.faulty;
    const answer = await backend.asBot('chat.postEphemeral', checked.prepared);
    if (answer['ok'] === true) {
      messages.addEphemeral({
        ts: textOf(answer['message_ts']),
        channel: backend.channels.get(textOf(args['channel'])) ?? textOf(args['channel']),
        user: textOf(args['user']),
        text: textOf(args['text']),
        ...(args['blocks'] === undefined ? {} : { blocks: objectsOf(checked.prepared['blocks']) }),
      });
    }
    return answer;
  };

  /** All of a channel's or a thread's messages: the emulator pages, but ignores oldest, latest and inclusive. */
  const gather = async (method: string, args: JsonObject): Promise<JsonObject> => {
    const found: JsonObject[] = [];
    let cursor = '';
    for (;;) {
      const answer = await backend.asBot(method, { ...args, limit: 1000, cursor });
      if (answer['ok'] !== true) return answer;
      found.push(...objectsOf(answer['messages']));
      cursor = isObject(answer['response_metadata'])
        ? textOf(answer['response_metadata']['next_cursor'])
        : '';
      if (cursor === '') return { ok: true, messages: found };
    }
  };

  const read =
    (method: string): Method =>
    async (args) => {
      const answer = await gather(method, args);
      if (answer['ok'] !== true) return answer;
      const all = objectsOf(answer['messages']);
      if (method === 'conversations.replies' && all.length === 0) return failed('thread_not_found');
      const isParent = (message: JsonObject): boolean => message['ts'] === args['ts'];
      const wanted = all.filter((message) => isParent(message) || withinTimes(message, args));
      const shown = isTrue(args['include_all_metadata']) ? wanted : wanted.map(stripMetadata);
      return page(shown, args);
    };

  const users =
    (method: string): Method =>
    async (args) => {
      const answer = await backend.asBot(method, args);
      if (isObject(answer['user'])) return { ...answer, user: directory.complete(answer['user']) };
      if (!Array.isArray(answer['members'])) return answer;
      const listed = objectsOf(answer['members']).filter((user) => directory.isListed(textOf(user['id'])));
      return { ...answer, members: listed.map((user) => directory.complete(user)) };
    };

  const share = (channel: JsonObject): JsonObject => {
    const external = context.externalChannels.has(textOf(channel['id']));
    return { ...channel, is_shared: external, is_ext_shared: external, is_org_shared: false };
  };

  const conversations =
    (method: string): Method =>
    async (args) => {
      const answer = await backend.asBot(method, args);
      if (isObject(answer['channel'])) return { ...answer, channel: share(answer['channel']) };
      return Array.isArray(answer['channels'])
        ? { ...answer, channels: objectsOf(answer['channels']).map(share) }
        : answer;
    };

  const show =
    (method: 'views.open' | 'views.push'): Method =>
    async (args) => {
      const view = args['view'];
      const faults = isObject(view) ? checkView(view) : ['missing required field [json-pointer:/view]'];
      if (!isObject(view) || faults.length > 0) return refused('invalid_arguments', faults);
      const trigger = triggers.exchange(textOf(args['trigger_id']) || textOf(args['interactivity_pointer']));
      if (typeof trigger === 'string') return failed(trigger);
      // The emulator keeps triggers of its own, in whole seconds: ours decides, and its is used up at once.
      const { trigger_id } = await backend.asBot('views.generateTriggerId', {
        user_id: trigger.userId,
        ...(trigger.viewId === undefined ? {} : { view_id: trigger.viewId }),
      });
      const answer = await backend.asBot(method, {
        view: { ...view, blocks: withIds(objectsOf(view['blocks'])) },
        trigger_id,
      });
      if (answer['ok'] === true) views.show(trigger.userId, answer['view']);
      messages.changed();
      return answer;
    };

  const updateView: Method = async (args) => {
    const view = args['view'];
    const faults = isObject(view) && view['type'] === 'modal' ? checkView(view) : [];
    if (faults.length > 0) return refused('invalid_arguments', faults);
    const named = isObject(view)
      ? { ...args, view: { ...view, blocks: withIds(objectsOf(view['blocks'])) } }
      : args;
    const answer = await backend.asBot('views.update', named);
    if (answer['ok'] === true) views.replace(answer['view']);
    messages.changed();
    return answer;
  };

  return {
    'chat.postMessage': post,
    'chat.update': update,
    'chat.postEphemeral': postEphemeral,
    'chat.delete': async (args) => {
      const answer = await backend.asBot('chat.delete', args);
      messages.changed();
      return answer;
    },
    // "When working against a team within an Enterprise organization, you'll also find their enterprise_id here."
    'auth.test': async (args) => {
      const answer = await backend.asBot('auth.test', args);
      const { enterprise } = workspace;
      return answer['ok'] === true && enterprise ? { ...answer, enterprise_id: enterprise.id } : answer;
    },
    'conversations.history': read('conversations.history'),
    'conversations.replies': read('conversations.replies'),
    'conversations.info': conversations('conversations.info'),
    'conversations.list': conversations('conversations.list'),
    'users.info': users('users.info'),
    'users.list': users('users.list'),
    'users.lookupByEmail': users('users.lookupByEmail'),
    'views.open': show('views.open'),
    'views.push': show('views.push'),
    'views.update': updateView,
    // The emulator's own way to make a trigger; Slack has no such method.
    'views.generateTriggerId': () => Promise.resolve(failed('unknown_method')),
  };
}
