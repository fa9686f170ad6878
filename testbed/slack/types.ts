/** Shapes shared by the Slack testbed's files. Slack's own field names are kept wherever its JSON is meant. */

export type JsonObject = Record<string, unknown>;

/** A stored message as `conversations.history` returns it, with all its metadata. */
export interface SlackMessage extends JsonObject {
  ts: string;
  text: string;
  user?: string;
  blocks?: JsonObject[];
  thread_ts?: string;
  metadata?: { event_type: string; event_payload?: JsonObject };
}

/** A message only one person sees. `ts` names it for a response_url; no Web API method can read it. */
export interface EphemeralMessage extends JsonObject {
  ts: string;
  channel: string;
  user: string;
  text: string;
  blocks?: JsonObject[];
}

/** A modal as `views.open` returned it. */
export interface SlackView extends JsonObject {
  id: string;
  blocks: JsonObject[];
}

/** The kinds of account that an app must tell apart before it obeys a click. */
export type UserKind = 'member' | 'guest' | 'single-channel-guest' | 'deactivated' | 'bot' | 'stranger';

export interface UserSpec {
  /** Handle, unique in the workspace. */
  name: string;
  realName?: string;
  email?: string;
  kind?: UserKind;
  admin?: boolean;
  /** Only for a stranger: the workspace that they come from. Random when left out. */
  teamId?: string;
  /** Their Enterprise Grid user id, shown as `enterprise_user.id`. */
  enterpriseUserId?: string;
}

export interface ChannelSpec {
  name: string;
  private?: boolean;
  /** A Slack Connect channel: strangers can see and click in it. */
  external?: boolean;
}

/** The facts of the workspace that payloads carry. */
export interface Workspace {
  teamId: string;
  teamDomain: string;
  enterprise: { id: string; name: string } | null;
  appId: string;
  botId: string;
  botUserId: string;
  botToken: string;
  appToken: string;
  signingSecret: string;
  verificationToken: string;
}

/** One Web API call that reached the testbed. The token itself is never kept. */
export interface CallRecord {
  method: string;
  args: JsonObject;
  /** Milliseconds since the epoch, by the testbed's clock. */
  at: number;
  /** What the caller saw: `ok`, Slack's error code, `http <status>`, or how the connection broke. */
  outcome: string;
}

/** A time source that tests can move forward, so that limits in minutes need no sleeping. */
export interface Clock {
  now(): number;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The objects of an unknown array; anything else in it is left out. */
export const objectsOf = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : [];

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
