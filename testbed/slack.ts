import { MovableClock } from './slack/clock.ts';
import { Directory } from './slack/directory.ts';
import { DEFAULT_BOT_SCOPES, startBackend } from './slack/emulator.ts';
import { Faults } from './slack/faults.ts';
import { Front } from './slack/front.ts';
import { newCredentials, slackId } from './slack/identity.ts';
import { Messages } from './slack/messages.ts';
import { methodOverrides } from './slack/methods.ts';
import { People } from './slack/people.ts';
import { ResponseUrls } from './slack/response-urls.ts';
import { SocketMode } from './slack/socket-mode.ts';
import { Triggers } from './slack/triggers.ts';
import { Views } from './slack/views.ts';
import type { DirectoryUser } from './slack/directory.ts';
import type { Fault } from './slack/faults.ts';
import type {
  CallRecord,
  ChannelSpec,
  EphemeralMessage,
  SlackMessage,
  SlackView,
  UserKind,
  UserSpec,
} from './slack/types.ts';

export type { Told } from './slack/people.ts';
export { renderHtml } from './slack/render-html.ts';
export { renderMessage } from './slack/render-text.ts';

export interface SlackOptions {
  users?: UserSpec[];
  /** `general` and `random` are always there. */
  channels?: ChannelSpec[];
  /** What the bot token may do; the rest is `missing_scope`. */
  scopes?: string[];
  /** The workspace is part of an Enterprise Grid organisation. */
  enterprise?: boolean;
  /** chat.postMessage's own limit of about one a second in a channel. Off unless asked for. */
  limitPosts?: boolean;
  signingSecret?: string;
  botToken?: string;
}

/** For which calls a planned fault is: the next `calls` (one unless told) of `method`, or of any. */
interface FaultScope {
  /** A Web API method, or `response_url`. */
  method?: string;
  calls?: number;
}

/** A Slack workspace on 127.0.0.1 with one app installed in it. */
export interface SlackTestbed extends Pick<
  People,
  'click' | 'clickView' | 'submitView' | 'closeView' | 'redeliver' | 'setInteractivityUrl'
> {
  /** Ends with `/api/`: WebClient's and Bolt's `slackApiUrl`. */
  apiUrl: string;
  teamId: string;
  enterpriseId: string | undefined;
  appId: string;
  botUserId: string;
  botToken: string;
  appToken: string;
  signingSecret: string;
  /** Channel ids by name. */
  channels: Record<string, string>;
  /** The people given at the start, by name. */
  users: Record<string, DirectoryUser>;
  setUserKind(user: string, kind: UserKind): void;
  /** Every message of a channel as it is now, replies included, oldest first. */
  messages(channel: string): Promise<SlackMessage[]>;
  /** The versions of a message that updates replaced, oldest first. */
  versions(channel: string, ts: string): SlackMessage[];
  /** What only one person sees, or all such messages. */
  ephemeral(user?: string): EphemeralMessage[];
  /** The modals on a person's screen, the top one last. */
  views(user: string): SlackView[];
  /** The first message in the channel that fits, now or within `timeoutMs` (10 s unless told). Rejects after that. */
  waitForMessage(
    channel: string,
    fits: (message: SlackMessage) => boolean,
    timeoutMs?: number,
  ): Promise<SlackMessage>;
  waitForEphemeral(user: string, timeoutMs?: number): Promise<EphemeralMessage>;
  waitForView(user: string, timeoutMs?: number): Promise<SlackView>;
  /** HTTP 429 with Retry-After for the next calls. */
  rateLimit(limit?: FaultScope & { retryAfter?: number }): void;
  fail(fault: Exclude<Fault, { kind: 'ratelimited' }> & FaultScope): void;
  /** Forgets the planned faults that no call has met. */
  clearFaults(): void;
  /** Every call so far, oldest first, without its token. */
  calls(method?: string): CallRecord[];
  /** Asks Socket Mode clients to connect anew. */
  refreshSockets(reason?: 'warning' | 'refresh_requested' | 'link_disabled'): void;
  /** Moves Slack's clock: what expires on Slack's side expires sooner. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

const WAIT_MS = 10_000;
const TEAM_DOMAIN = 'firebreak-testbed';

/**
 * Starts a Slack workspace: npm `emulate` for what it does well, and an addition, written to Slack's published
 * documentation, for what it lacks. Ids, tokens and secrets are new each time. See docs/reference/testbed-slack.md.
 */
export async function startSlack(options: SlackOptions = {}): Promise<SlackTestbed> {
  const clock = new MovableClock();
  const credentials = newCredentials();
  const identity = {
    ...credentials,
    botToken: options.botToken ?? credentials.botToken,
    signingSecret: options.signingSecret ?? credentials.signingSecret,
    teamDomain: TEAM_DOMAIN,
  };
  const people = options.users ?? [];
  const names = people.map((user) => user.name);
  if (new Set(names).size < names.length) throw new Error('users: each needs a name of its own');
  const rooms = [{ name: 'general' }, { name: 'random' }, ...(options.channels ?? [])];
  const backend = await startBackend({
    workspace: identity,
    users: people,
    channels: rooms,
    scopes: options.scopes ?? DEFAULT_BOT_SCOPES,
  });
  const enterprise = options.enterprise ? { id: slackId('E'), name: 'Firebreak Testbed' } : null;
  const workspace = { ...identity, teamId: backend.teamId, enterprise };

  const directory = new Directory(workspace.teamId, enterprise);
  for (const { id, spec } of backend.users) directory.add(id, spec);
  const channelNamed = (idOrName: string): { id: string; name: string; external: boolean } => {
    if (idOrName.startsWith('D')) return { id: idOrName, name: 'directmessage', external: false };
    const found = [...backend.channels].find(([name, id]) => id === idOrName || name === idOrName);
    if (!found)
      throw new Error(`no channel ${idOrName} in this workspace: add it to startSlack({ channels })`);
    const spec: ChannelSpec | undefined = rooms.find((room) => room.name === found[0]);
    return {
      id: found[1],
      name: spec?.private ? 'privategroup' : found[0],
      external: spec?.external ?? false,
    };
  };
  const channelId = (idOrName: string): string => channelNamed(idOrName).id;
  const externalChannels = new Set([...backend.channels.values()].filter((id) => channelNamed(id).external));

  const messages = new Messages(backend);
  const faults = new Faults(clock, options.limitPosts ?? false);
  const responseUrls = new ResponseUrls(backend, messages, clock, workspace);
  const socketMode = new SocketMode(workspace.appId);
  const calls: CallRecord[] = [];
  const triggers = new Triggers(clock);
  const views = new Views();
  const context = { workspace, backend, directory, messages, triggers, views, externalChannels };
  const methods = methodOverrides(context);
  const front = await Front.start({
    workspace,
    backend,
    methods,
    faults,
    responseUrls,
    socketMode,
    clock,
    calls,
  });
  const hands = new People({
    ...context,
    methods,
    responseUrls,
    socketMode,
    clock,
    channelNamed,
    origin: () => `http://${front.host}`,
  });
  const userId = (idOrName: string): string => directory.get(idOrName).id;

  return {
    apiUrl: `http://${front.host}/api/`,
    teamId: workspace.teamId,
    enterpriseId: enterprise?.id,
    appId: workspace.appId,
    botUserId: workspace.botUserId,
    botToken: workspace.botToken,
    appToken: workspace.appToken,
    signingSecret: workspace.signingSecret,
    channels: Object.fromEntries(backend.channels),
    users: Object.fromEntries(directory.all().map((user) => [user.name, user])),
    setUserKind: (user, kind) => directory.setKind(user, kind),
    setInteractivityUrl: (url) => hands.setInteractivityUrl(url),
    click: (click) => hands.click(click),
    clickView: (click) => hands.clickView(click),
    submitView: (submission) => hands.submitView(submission),
    closeView: (close) => hands.closeView(close),
    redeliver: (interaction, how) => hands.redeliver(interaction, how),
    messages: (channel) => messages.all(channelId(channel)),
    versions: (channel, ts) => messages.versions(channelId(channel), ts),
    ephemeral: (user) => messages.ephemeral(user === undefined ? undefined : userId(user)),
    views: (user) => views.ofUser(userId(user)),
    waitForMessage: (channel, fits, timeoutMs = WAIT_MS) =>
      messages.until(
        `such a message in ${channel}`,
        async () => (await messages.all(channelId(channel))).find(fits),
        timeoutMs,
      ),
    waitForEphemeral: (user, timeoutMs = WAIT_MS) =>
      messages.until(
        `an ephemeral message for ${user}`,
        () => Promise.resolve(messages.ephemeral(userId(user)).at(-1)),
        timeoutMs,
      ),
    waitForView: (user, timeoutMs = WAIT_MS) =>
      messages.until(
        `a view for ${user}`,
        () => Promise.resolve(views.ofUser(userId(user)).at(-1)),
        timeoutMs,
      ),
    rateLimit: ({ method, calls: count = 1, retryAfter = 1 } = {}) =>
      faults.plan({ kind: 'ratelimited', retryAfter }, method, count),
    fail: ({ method, calls: count = 1, ...fault }) => faults.plan(fault, method, count),
    clearFaults: () => faults.clear(),
    calls: (method) => calls.filter((call) => method === undefined || call.method === method),
    refreshSockets: (reason) => socketMode.refresh(reason),
    advance: (ms) => clock.advance(ms),
    stop: async () => {
      await socketMode.stop();
      await front.stop();
      await backend.stop();
    },
  };
}
