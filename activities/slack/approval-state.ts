import type { RichTextSection } from '@slack/web-api';
import type { JsonObject } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';
import type { GateNotice, GateState } from '../../workflows/contract.ts';
import { severityMark } from './words.ts';
import { moment, paragraph, quoted, rich, say, strong, utc, type Blocks } from './blocks.ts';

interface Standing {
  /** For the header. */
  title: string;
  /** For the notification. */
  text: string;
  blocks: Blocks;
}

/** Decisions shown, and answers of a form; those beyond are counted. */
const mostVotes = 4;
const mostAnswers = 10;

/** How the question stands: by when and what then while it is open, who decided and how once it is not. */
export function standing(notice: GateNotice, { state, decisions }: GateState): Standing {
  const title = oneLine(notice.title, 120);
  const severity = severityMark(notice.severity);
  const as = (status: string, ...lines: RichTextSection[]): Standing => ({
    title: `${status} · ${title}`,
    text: `${status} · ${title} · ${oneLine(notice.gate.incident, 60)}`,
    blocks: [rich(...lines, ...votes(decisions))],
  });
  switch (state) {
    case 'open':
      return as(severity, ...deadlines(notice, false), ...progress(notice, decisions));
    case 'escalated':
      return as(`⏫ ESCALATED · ${severity}`, ...deadlines(notice, true), ...progress(notice, decisions));
    case 'approved':
      return as(...agreed(notice));
    case 'denied':
      return as('⛔ Denied', paragraph(strong('Denied: '), say(`${unanswered(notice)}.`)));
    case 'expired':
      return as(
        '⌛ Expired',
        paragraph(
          strong('Expired '),
          moment(notice.gate.expiresAt),
          say(`, too few persons decided: ${unanswered(notice)}.`),
        ),
      );
    case 'superseded':
  }
  return as(
    '↪️ Superseded',
    paragraph(
      strong('Superseded: '),
      say('this question no longer counts; a newer one replaces it if one is needed.'),
    ),
  );
}

function agreed({ gate }: GateNotice): [string, RichTextSection] {
  if (gate.purpose === 'answer')
    return ['✅ Answered', paragraph(strong('Answered. '), say('The playbook goes on.'))];
  const follows = gate.purpose === 'proceed' ? 'The playbook goes on.' : 'Firebreak is acting on it.';
  return ['✅ Approved', paragraph(strong('Approved. '), say(follows))];
}

/** What follows when nobody approves: never a change. */
function unanswered({ gate }: GateNotice): string {
  if (gate.purpose === 'release') return 'nothing is released, the hold stays';
  if (gate.purpose === 'undo') return 'nothing is undone, the change stays';
  return gate.purpose === 'proceed' || gate.purpose === 'answer'
    ? 'the playbook does not go on from here'
    : 'nothing is changed by this request';
}

/** The gate closes at `expiresAt`; one that escalates gives the first half of that time to those it asks first. */
function deadlines(notice: GateNotice, escalated: boolean): RichTextSection[] {
  const { approval, expiresAt } = notice.gate;
  const last = [moment(expiresAt), say('. After that it fails closed: '), strong(`${unanswered(notice)}.`)];
  if (approval.otherwise === 'deny') return [paragraph(strong('⏱ Decide by '), ...last)];
  if (escalated) {
    return [
      paragraph(
        strong('⏫ Escalated: '),
        say(`nobody decided in time. ${groups(notice)} may decide now, too.`),
      ),
      paragraph(strong('⏱ Decide by '), ...last),
    ];
  }
  const first = new Date(Date.parse(expiresAt) - approval.withinMs);
  if (Number.isNaN(first.getTime())) return [paragraph(strong('⏱ Decide by '), ...last)];
  return [
    paragraph(
      strong('⏱ Decide by '),
      moment(first.toISOString()),
      say(`. After that it escalates to ${groups(notice)}.`),
    ),
    paragraph(say('Last moment: '), ...last),
  ];
}

function groups({ escalation }: GateNotice): string {
  const more = escalation.length > 3 ? ` and ${escalation.length - 3} more` : '';
  return escalation.length === 0 ? 'nobody' : `${oneLine(escalation.slice(0, 3).join(', '), 80)}${more}`;
}

function progress({ gate }: GateNotice, decisions: GateState['decisions']): RichTextSection[] {
  if (gate.approval.count === 1) return [];
  const approvals = decisions.filter(({ verdict }) => verdict === 'approve').length;
  return [paragraph(strong(`${approvals} of ${gate.approval.count} approvals so far.`))];
}

function votes(decisions: GateState['decisions']): RichTextSection[] {
  const shown = decisions.slice(-mostVotes).map(({ name, verdict, at, reason, answers }) => {
    const said = reason === undefined || reason === '' ? [] : [say(', because '), quoted(reason, 200)];
    const did = verdict === 'deny' ? 'Denied by ' : answers === undefined ? 'Approved by ' : 'Answered by ';
    return paragraph(say(did), strong(oneLine(name, 60)), say(`, ${utc(at)}`), ...said);
  });
  // A form is filled in once.
  shown.push(...filledIn(decisions.at(-1)?.answers ?? {}));
  const left = decisions.length - mostVotes;
  return left > 0 ? [paragraph(say(`${left} earlier decisions are not shown here.`)), ...shown] : shown;
}

function filledIn(answers: JsonObject): RichTextSection[] {
  const all = Object.entries(answers);
  const shown = all
    .slice(0, mostAnswers)
    .map(([field, value]) =>
      paragraph(
        say(`• ${oneLine(field, 60)}: `),
        quoted(typeof value === 'string' ? value : JSON.stringify(value), 160),
      ),
    );
  const left = all.length - shown.length;
  return left > 0 ? [...shown, paragraph(say(`+ ${left} more in the ledger`))] : shown;
}
