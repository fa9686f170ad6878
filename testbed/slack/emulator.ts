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
  /** The people asked for, with the ids that the emulator gave them. */
  users: readonly { id: string; spec: UserSpec }[];
  /** Ids by name. */
  channels: ReadonlyMap<string, string>;
  teamId: string;
  stop(): Promise<void>;
}

export interface BackendOptions {
  workspace: Omit<Workspace, 'teamId' | 'enterprise'>;
  users: UserSpec[];
  channels: ChannelSpec[];
  scopes: string[];
}

interface Tokens {
  slack: string;
  admin: string;
}

/** The emulator's own configuration: its users are all plain members, whatever the specification says. */
function seed({ workspace, users, channels, scopes }: BackendOptions, tokens: Tokens): JsonObject {
  const bot = {
    type: 'bot',
    user_id: workspace.botUserId,
    bot_user_id: workspace.botUserId,
    bot_id: workspace.botId,
    app_id: workspace.appId,
  };
  return {
    team: { name: workspace.teamDomain, domain: workspace.teamDomain },
    users: users.map((user) => ({
      name: user.name,
      real_name: user.realName ?? user.name,
      is_admin: user.admin ?? false,
      ...(user.email ? { email: user.email } : {}),
    })),
    channels: channels.map((one) => ({ name: one.name, is_private: one.private ?? false })),
    strict_scopes: true,
    oauth_apps: [
      {
        app_id: workspace.appId,
        client_id: hex(8),
        client_secret: hex(16),
        name: 'Firebreak',
        redirect_uris: [],
        scopes,
        bot_id: workspace.botId,
        bot_user_id: workspace.botUserId,
        bot_name: 'firebreak',
      },
    ],
    tokens: [
      { ...bot, token: workspace.botToken, scopes },
      { ...bot, token: tokens.slack },
      { token: tokens.admin, type: 'user', user: 'admin' },
    ],
  };
}

type Call = (method: string, args: JsonObject) => Promise<JsonObject>;

function caller(base: URL, token: string): Call {
  return async (method, args) => {
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
    if (isObject(body)) return body;
    throw new Error(`the Slack emulator answered ${method} with something that is not an object`);
  };
}

async function must(
  call: Call,
  method: string,
  args: JsonObject,
  allowed: string[] = [],
): Promise<JsonObject> {
  const body = await call(method, args);
  if (body['ok'] === true || allowed.includes(textOf(body['error']))) return body;
  throw new Error(`the Slack emulator refused ${method}: ${textOf(body['error'])}`);
}

const idsByName = (listed: unknown): Map<string, string> =>
  new Map(objectsOf(listed).map((one) => [textOf(one['name']), textOf(one['id'])]));

/** Finds the ids that the emulator chose, and lets everyone into every channel. */
async function furnish(options: BackendOptions, admin: Call): Promise<Pick<Backend, 'users' | 'channels'>> {
  const everyone = idsByName((await must(admin, 'users.list', { limit: 1000 }))['members']);
  const kinds = { limit: 1000, types: 'public_channel,private_channel' };
  const channels = idsByName((await must(admin, 'conversations.list', kinds))['channels']);
  const users = options.users.map((spec) => {
    const id = everyone.get(spec.name);
    if (id === undefined) throw new Error(`the Slack emulator did not create the user ${spec.name}`);
    return { id, spec };
  });
  for (const { name } of options.channels) {
    const channel = channels.get(name);
    if (channel === undefined) throw new Error(`the Slack emulator did not create the channel ${name}`);
    for (const user of [options.workspace.botUserId, ...everyone.values()]) {
      // Who is a member already depends on how the emulator made the channel.
      const already = ['already_in_channel', 'cant_invite_self'];
      await must(admin, 'conversations.invite', { channel, users: user }, already);
    }
  }
  return { users, channels };
}

/** Starts npm `emulate`'s Slack on a free loopback port. It sees only calls that the front has already let in. */
export async function startBackend(options: BackendOptions): Promise<Backend> {
  const tokens = { slack: `xoxb-${hex(16)}`, admin: `xoxp-${hex(16)}` };
  const emulator = await createEmulator({
    service: 'slack',
    port: 0,
    hostname: '127.0.0.1',
    // An empty table of tokens: without it the emulator adds a well-known administrator's.
    seed: { tokens: {}, slack: seed(options, tokens) },
  });
  try {
    const base = new URL('/api/', `http://127.0.0.1:${new URL(emulator.url).port}`);
    const asSlack = caller(base, tokens.slack);
    return {
      ...(await furnish(options, caller(base, tokens.admin))),
      asSlack,
      asBot: caller(base, options.workspace.botToken),
      teamId: textOf((await must(asSlack, 'auth.test', {}))['team_id']),
      stop: () => emulator.close(),
    };
  } catch (error) {
    await emulator.close();
    throw error;
  }
}
