/**
 * Interaction payloads as docs.slack.dev/reference/interaction-payloads documents them: the pages
 * "block_actions payload" and "View interactions payload".
 */
import { elementsOf } from './blocks.ts';

import type { DirectoryUser } from './directory.ts';
import type { EphemeralMessage, JsonObject, SlackMessage, SlackView, Workspace } from './types.ts';

/** What a person did to an element: nothing more for a button; a chosen or typed value for others. */
export interface ActionChoice {
  actionId: string;
  /** Needed only when two blocks have an element with this action_id. */
  blockId?: string;
  /** For selects, inputs and pickers: the fields that Slack adds, such as `{ selected_option: … }` or `{ value: … }`. */
  chosen?: JsonObject;
}

const who = (user: DirectoryUser): JsonObject => ({
  id: user.id,
  username: user.name,
  name: user.name,
  team_id: user.teamId,
});

const common = (workspace: Workspace, user: DirectoryUser): JsonObject => ({
  user: who(user),
  api_app_id: workspace.appId,
  token: workspace.verificationToken,
  team: { id: workspace.teamId, domain: workspace.teamDomain },
  enterprise: workspace.enterprise,
  is_enterprise_install: false,
});

/** The `actions` entry for an element that is really there: nobody can click a button that is not shown. */
export function actionOf(
  blocks: JsonObject[] | undefined,
  choice: ActionChoice,
  actionTs: string,
): JsonObject {
  const matches = (blocks ?? [])
    .filter((block) => choice.blockId === undefined || block['block_id'] === choice.blockId)
    .flatMap((block) => elementsOf(block).map((element) => ({ block, element })))
    .filter(({ element }) => element['action_id'] === choice.actionId);
  const match = matches[0];
  if (!match) throw new Error(`no element with action_id ${choice.actionId} is shown there`);
  if (matches.length > 1) throw new Error(`several blocks have an element ${choice.actionId}: give blockId`);
  const shown = ['type', 'action_id', 'text', 'value', 'style', 'url', 'confirm'];
  return {
    ...Object.fromEntries(
      shown.flatMap((key) => (match.element[key] === undefined ? [] : [[key, match.element[key]]])),
    ),
    block_id: match.block['block_id'],
    ...choice.chosen,
    action_ts: actionTs,
  };
}

/** A click in a message. An ephemeral message's content is not sent back to the app. */
export function messageAction(options: {
  workspace: Workspace;
  user: DirectoryUser;
  channel: { id: string; name: string };
  message: SlackMessage | EphemeralMessage;
  ephemeral: boolean;
  action: JsonObject;
  state: JsonObject;
  triggerId: string;
  responseUrl: string;
}): JsonObject {
  const { message, ephemeral, workspace } = options;
  const thread = typeof message['thread_ts'] === 'string' ? { thread_ts: message['thread_ts'] } : {};
  return {
    type: 'block_actions',
    ...common(workspace, options.user),
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: options.channel.id,
      is_ephemeral: ephemeral,
      ...thread,
    },
    trigger_id: options.triggerId,
    channel: options.channel,
    ...(ephemeral ? {} : { message: { ...message, team: workspace.teamId } }),
    state: { values: options.state },
    response_url: options.responseUrl,
    actions: [options.action],
  };
}

/** A click in a modal: no message, no channel, no response_url. */
export function viewAction(options: {
  workspace: Workspace;
  user: DirectoryUser;
  view: SlackView;
  action: JsonObject;
  triggerId: string;
}): JsonObject {
  return {
    type: 'block_actions',
    ...common(options.workspace, options.user),
    container: { type: 'view', view_id: options.view.id },
    trigger_id: options.triggerId,
    view: options.view,
    actions: [options.action],
  };
}

export function viewSubmission(options: {
  workspace: Workspace;
  user: DirectoryUser;
  view: SlackView;
  values: JsonObject;
  triggerId: string;
}): JsonObject {
  return {
    type: 'view_submission',
    ...common(options.workspace, options.user),
    trigger_id: options.triggerId,
    view: { ...options.view, state: { values: options.values } },
    response_urls: [],
  };
}

export function viewClosed(options: {
  workspace: Workspace;
  user: DirectoryUser;
  view: SlackView;
  isCleared: boolean;
}): JsonObject {
  return {
    type: 'view_closed',
    ...common(options.workspace, options.user),
    view: options.view,
    is_cleared: options.isCleared,
  };
}
