import type { GateNotice, GateState } from '../../workflows/contract.ts';
import {
  bullets,
  header,
  moment,
  paragraph,
  quote,
  quoted,
  rich,
  say,
  smallPrint,
  strong,
  unfolded,
  type Blocks,
} from './blocks.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { slackText } from '../../domain/slack.ts';
import { standing } from './approval-state.ts';
import { gateButtons } from './gate-buttons.ts';
import { references } from './references.ts';
import { names } from './words.ts';

/** How much is shown. Together they stay well under what Slack takes in one message (it refuses at about 11,000 characters, unwritten). */
const shown = { impact: 5, change: 5, limits: 10, objects: 4, deciders: 8, groups: 4 };
/** Of a question about several steps: what each does is shown, and little of what follows from each. */
const shownOfSeveral = { steps: 20, more: 5, characters: 1_800, undo: 500 };

export interface Rendered {
  blocks: Blocks;
  /** For notifications and screen readers; escaped. */
  text: string;
}

/** The question as a person reads it: what happens either way and what is not covered come first, who and what for after. */
export function approvalMessage(notice: GateNotice, state: GateState): Rendered {
  const open = state.state === 'open' || state.state === 'escalated';
  const { purpose, question } = notice.gate;
  const asksOnly = purpose === 'proceed' || purpose === 'answer';
  const { title, text, blocks } = standing(notice, state);
  return {
    text: slackText(text, 600),
    blocks: [
      header(title),
      ...(question === undefined ? [] : [rich(quote(question, 1_500))]),
      ...blocks,
      rich(
        paragraph(strong(purpose === 'answer' ? 'If answered' : 'If approved')),
        bullets(notice.ifApproved, ...impact(notice, shownOfSeveral.more, 200)),
        paragraph(strong(purpose === 'answer' ? 'If not answered' : 'If not approved')),
        bullets(notice.ifDenied, ...impact(notice, 0, 160)),
      ),
      ...(asksOnly ? [] : [unfolded(notCovered(notice))]),
      rich(
        ...(asksOnly ? [paragraph(say('The answer itself changes nothing.'))] : changes(notice)),
        ...(open ? [paragraph(strong('Who decides: '), ...deciders(notice))] : []),
      ),
      ...alertFacts(notice),
      ...references(notice.playbook),
      ...(open ? [gateButtons(notice)] : []),
      smallPrint(
        oneLine(`Incident ${notice.gate.incident}`, 120),
        oneLine(`Playbook ${notice.playbook.id} v${notice.playbook.version}, ${notice.playbook.name}`, 160),
        oneLine(`Gate ${notice.gate.id}, digest ${notice.digest.replace('sha256:', '').slice(0, 12)}`, 120),
      ),
    ],
  };
}

/** How many lines are shown of what follows, and how wide: each step of several has the first line of its own. */
function impact(
  { gate, ifApproved }: GateNotice,
  more: number,
  width: number,
): [lines: number, width: number] {
  if (!isAboutSeveral({ gate })) return [shown.impact, width];
  const left = ifApproved.length - gate.authorities.length;
  const steps = Math.min(shownOfSeveral.steps, gate.authorities.length);
  const lines = Math.max(shown.impact, steps + Math.min(left, more));
  return [lines, Math.min(width, Math.floor(shownOfSeveral.characters / lines))];
}

/** Whether it asks about a phase of the playbook; a release has an authority for each containment as well. */
function isAboutSeveral({ gate }: Pick<GateNotice, 'gate'>): boolean {
  return gate.authorities.length > 1 && gate.purpose !== 'release';
}

function changes({ gate, changes: lines, changeCount, undo }: GateNotice) {
  return [
    paragraph(strong(`Changes now: ${changeCount}`)),
    ...(lines.length > 0 ? [bullets(lines, shown.change, 140, changeCount)] : []),
    paragraph(
      strong('Undo: '),
      say(oneLine(undo, isAboutSeveral({ gate }) ? shownOfSeveral.undo : 250) || 'none'),
    ),
  ];
}

/** Never folded and never left out: an approver must know what stays open. */
function notCovered({ notCovered: limits }: GateNotice): string {
  if (limits.length === 0) return '⚠️ NOT COVERED\nThe plan names nothing that it does not cover.';
  const lines = limits.slice(0, shown.limits).map((limit) => {
    const objects = (limit.objects ?? []).slice(0, shown.objects);
    const left = Math.max(limit.count ?? 0, limit.objects?.length ?? 0) - objects.length;
    const where = [
      ...(objects.length > 0 ? [oneLine(objects.join(', '), 90)] : []),
      ...(left > 0 ? [`+ ${left} more`] : []),
    ];
    return `• ${oneLine(limit.text, 130)}${where.length > 0 ? `: ${where.join(', ')}` : ''}`;
  });
  const left = limits.length - lines.length;
  if (left > 0) lines.push(`• + ${left} more in the plan, not shown here`);
  return [`⚠️ NOT COVERED (${limits.length})`, ...lines].join('\n');
}

function deciders({ gate, deciders: persons, requesterName }: GateNotice) {
  const { count, from } = gate.approval;
  const groups = names(from, shown.groups, 40);
  return [
    say(`${count === 1 ? 'one person' : `${count} different persons`} of ${groups || 'the approvers'}: `),
    say(names(persons, shown.deciders, 40) || 'nobody is configured'),
    // A form grants nothing: who asked for the playbook may fill it in.
    ...(gate.purpose === 'answer' ? [say('.')] : notRequester(requesterName)),
  ];
}

function notRequester(requesterName: string) {
  return [say('. Not '), say(oneLine(requesterName, 60) || 'the requester'), say(', who requested it.')];
}

/** What the detector sent, one fact a line and each marked as quoted: nothing in it can look like a line of ours. */
function alertFacts({ alert, alerts }: GateNotice): Blocks {
  if (alert === null) return [];
  const facts: [string, string, number][] = [
    ['rule', alert.rule, 120],
    ['says', alert.summary, 250],
    ['where', [alert.cluster, alert.namespace, alert.pod].filter((part) => part !== '').join(' / '), 200],
    ['image', alert.image, 160],
  ];
  const lines = facts.filter(([name, value]) => name === 'rule' || value !== '');
  const more = alerts > 1 ? `, ${alerts} alerts so far` : '';
  return [
    rich(
      paragraph(
        strong('Alert from '),
        quoted(alert.source, 40),
        say(', seen '),
        moment(alert.detectedAt),
        say(`${more}. An attacker may have chosen these words:`),
      ),
      {
        type: 'rich_text_list',
        style: 'bullet',
        elements: lines.map(([name, value, max]) => paragraph(say(`${name}: `), quoted(value, max))),
      },
    ),
  ];
}
