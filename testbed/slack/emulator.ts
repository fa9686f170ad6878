import { createEmulator } from 'emulate';
import { hex } from './identity.ts';
import { isObject, objectsOf, textOf } from './types.ts';
import type { ChannelSpec, JsonObject, UserSpec, Workspace } from './types.ts';

/** The scopes that an approval bot asks for; a test can grant fewer to see `missing_scope`. */
export const DEFAULT_BOT_SCOPES = [
  'chat:write',
  'channels:read',
  'channels:history',
  'groups:read',
  'groups:history',
  'users:read',
  'users:read.email',
];

export interface Backend {
  /** Calls a method with the app's own bot token: its scopes apply. */
  asBot(method: string, args: JsonObject): Promise<JsonObject>;
  /** Calls a method as the bot, with every scope: for what Slack itself does. */
  asSlack(method: string, args: JsonObject): Promise<JsonObject>;
  users: Map<string, string>;
  channels: Map<string, string>;
  teamId: string;
  stop(): Promise<void>;
}

/** Starts npm `emulate`'s Slack on a free loopback port. It sees only calls that the front has already let in. */
export async function startBackend(options: {
  workspace: Omit<Workspace, 'teamId' | 'enterprise'>;
  users: UserSpec[];
  channels: ChannelSpec[];
  scopes: string[];
}): Promise<Backend> {
  const { workspace } = options;
  const slackToken = `xoxb-${hex(16)}`;
  const adminToken = `xoxp-${hex(16)}`;
  const bot = {
    type: 'bot',
    user_id: workspace.botUserId,
    bot_user_id: workspace.botUserId,
    bot_id: workspace.botId,
    app_id: workspace.appId,
  };
  const emulator = await createEmulator({
    service: 'slack',
    port: 0,
    hostname: '127.0.0.1',
    seed: {
      // An empty table: without it the emulator adds a well-known administrator token.
      tokens: {},
      slack: {
        team: { name: workspace.teamDomain, domain: workspace.teamDomain },
        users: options.users.map((user) => ({
          name: user.name,
          real_name: user.realName ?? user.name,
          is_admin: user.admin ?? false,
          ...(user.email ? { email: user.email } : {}),
        })),
        channels: options.channels.map((one) => ({ name: one.name, is_private: one.private ?? false })),
        strict_scopes: true,
        oauth_apps: [
          {
            app_id: workspace.appId,
            client_id: hex(8),
            client_secret: hex(16),
            name: 'Firebreak',
            redirect_uris: [],
            scopes: options.scopes,
            bot_id: workspace.botId,
            bot_user_id: workspace.botUserId,
            bot_name: 'firebreak',
          },
        ],
        tokens: [
          { ...bot, token: workspace.botToken, scopes: options.scopes },
          { ...bot, token: slackToken },
          { token: adminToken, type: 'user', user: 'admin' },
        ],
      },
    },
  });
  const base = new URL('/api/', `http://127.0.0.1:${new URL(emulator.url).port}`);
  const call = async (token: string, method: string, args: JsonObject): Promise<JsonObject> => {
    const response = await fetch(new URL(method, base), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(args),
    });
    if (response.status === 404) {
      await response.body?.cancel();
      return { ok: false, error: 'unknown_method', req_method: method };
    }
    const body: unknown = await response.json();
    if (!isObject(body))
      throw new Error(`the Slack emulator answered ${method} with something that is not an object`);
    return body;
  };
  const must = async (token: string, method: string, args: JsonObject): Promise<JsonObject> => {
    const body = await call(token, method, args);
    if (body['ok'] !== true)
      throw new Error(`the Slack emulator refused ${method}: ${textOf(body['error'])}`);
    return body;
  };

  const listed = await must(adminToken, 'users.list', { limit: 1000 });
  const users = new Map(objectsOf(listed['members']).map((one) => [textOf(one['name']), textOf(one['id'])]));
  const rooms = await must(adminToken, 'conversations.list', {
    limit: 1000,
    types: 'public_channel,private_channel',
  });
  const channels = new Map(
    objectsOf(rooms['channels']).map((one) => [textOf(one['name']), textOf(one['id'])]),
  );
  for (const { name } of options.channels) {
    const channel = channels.get(name);
    if (!channel) throw new Error(`the Slack emulator did not create the channel ${name}`);
    for (const user of [workspace.botUserId, ...users.values()]) {
      const invited = await call(adminToken, 'conversations.invite', { channel, users: user });
      // Who is a member already depends on how the emulator made the channel.
      if (
        invited['ok'] !== true &&
        !['already_in_channel', 'cant_invite_self'].includes(textOf(invited['error']))
      ) {
        throw new Error(
          `the Slack emulator refused to let ${user} into ${name}: ${textOf(invited['error'])}`,
        );
      }
    }
  }
  return {
    asBot: (method, args) => call(workspace.botToken, method, args),
    asSlack: (method, args) => call(slackToken, method, args),
    users,
    channels,
    teamId: textOf((await must(slackToken, 'auth.test', {}))['team_id']),
    stop: () => emulator.close(),
  };
}
