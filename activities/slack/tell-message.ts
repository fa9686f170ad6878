import type { Button } from '@slack/web-api';
import type { NoticeActivities } from '../../workflows/contract.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { slackActions, slackText, type IncidentButton } from '../../domain/slack.ts';
import { cancelButton } from './gate-buttons.ts';
import type { Rendered } from './approval-message.ts';
import { bullets, buttons, paragraph, plain, rich, say, smallPrint, strong, type Blocks } from './blocks.ts';
import { names } from './words.ts';

/** Whom Slack calls for a group of ours: a user group's id, or users' ids. */
export type SlackGroups = { readonly [group: string]: string | readonly string[] };

type Told = Pick<
  Parameters<NoticeActivities['slack.tell']>[0],
  'incident' | 'title' | 'lines' | 'level' | 'mention' | 'offerRelease' | 'offerCancel'
>;

const marks = { info: 'ℹ️', good: '✅', warning: '⚠️', danger: '🚨' } as const;
/** Lines shown, and users called in one message. */
const most = { lines: 20, called: 80 };

/** News of an incident. `title` and `lines` may hold a detector's words: they are shown unparsed, each on a line of its own. */
export function tellMessage(told: Told, groups: SlackGroups): Rendered {
  const { calls, uncalled } = mentions(told.mention, groups);
  const blocks: Blocks = [
    rich(
      paragraph(say(`${marks[told.level]} `), strong(oneLine(told.title, 300) || 'Update')),
      ...(told.lines.length > 0 ? [bullets(told.lines, most.lines, 300)] : []),
    ),
  ];
  // Only ids from the configuration, never a text, are in this one parsed element: a mention there is known to notify.
  if (calls.length > 0) {
    blocks.push({
      type: 'section',
      text: { type: 'mrkdwn', text: calls.slice(0, most.called).join(' '), verbatim: true },
    });
  }
  if (calls.length > most.called) {
    blocks.push(smallPrint(`+ ${calls.length - most.called} more are not called: use a Slack user group`));
  }
  if (uncalled.length > 0) {
    blocks.push(smallPrint(`Not called, no Slack group is configured for: ${names(uncalled, 10, 60)}`));
  }
  const offers = [
    ...(told.offerRelease ? [releaseButton(told.incident)] : []),
    ...(told.offerCancel === true ? [cancelButton(told.incident)] : []),
  ];
  if (offers.length > 0) blocks.push(buttons(...offers));
  blocks.push(smallPrint(oneLine(`Incident ${told.incident}`, 120)));
  return { blocks, text: slackText(`${marks[told.level]} ${told.title} · ${told.incident}`, 600) };
}

function releaseButton(incident: string): Button {
  const bound: IncidentButton = { i: incident };
  return {
    type: 'button',
    action_id: slackActions.release,
    text: plain('Request release…'),
    value: JSON.stringify(bound),
  };
}

/** @throws TypeError for an id that is not Slack's: it would be markup. */
function mentions(wanted: readonly string[], groups: SlackGroups): { calls: string[]; uncalled: string[] } {
  const calls = new Set<string>();
  const uncalled: string[] = [];
  for (const group of wanted) {
    const ids = Object.hasOwn(groups, group) ? [groups[group] ?? []].flat() : [];
    if (ids.length === 0) uncalled.push(group);
    for (const id of ids) calls.add(mention(id));
  }
  return { calls: [...calls], uncalled };
}

function mention(id: string): string {
  if (/^S[A-Z0-9]{2,20}$/.test(id)) return `<!subteam^${id}>`;
  if (/^[UW][A-Z0-9]{2,20}$/.test(id)) return `<@${id}>`;
  throw new TypeError('slack.groups: every value must be a user group id (S…) or user ids (U… or W…)');
}

/** @throws TypeError when a group is mapped to something that is not a Slack id. Called once, at start. */
export function checkGroups(groups: SlackGroups): void {
  mentions(Object.keys(groups), groups);
}
