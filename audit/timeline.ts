import type { Json } from '../domain/json.ts';
import type { PublicKey } from '../domain/signature.ts';
import { object, text } from './history.ts';
import { markdown } from './markdown.ts';
import { measuresOf, type Measure } from './measures.ts';
import { quietKinds, tell, type Told } from './story.ts';
import { verifyFully, type Report, type VerifyOptions } from './verify.ts';

export interface TimelineLine extends Told {
  seq: number;
  /** RFC 3339 UTC. */
  at: string;
  kind: string;
}

export interface Timeline {
  incident: string;
  title: string;
  /** False: the bundle has findings, and nothing here is proved. */
  verified: boolean;
  report: Report;
  outcome: string;
  requester: string;
  openedAt: string;
  closedAt: string;
  playbook: { id: string; version: number; digest: string };
  lines: TimelineLine[];
  /** Each step's last verdict, with its claims. */
  verdicts: { step: string; verdict: string; claims: string[] }[];
  notCovered: { step: string; code: string; text: string; count: number }[];
  measures: Measure[];
}

/**
 * The incident as a report tells it, from the recomputed ledger of a bundle.
 * @throws as `verifyBundle`
 */
export async function timelineOf(
  dir: string,
  key: string | PublicKey,
  options: VerifyOptions = {},
): Promise<Timeline> {
  const { report, entries, people, playbook } = await verifyFully(dir, key, options);
  const opened = entries.find(({ kind }) => kind === 'incident.opened');
  const closed = entries.find(({ kind }) => kind === 'incident.closed');
  const used = object(opened?.data['playbook']);
  const verdicts = new Map<string, Timeline['verdicts'][number]>();
  const notCovered = new Map<string, Timeline['notCovered'][number]>();
  for (const entry of entries) {
    const step = text(entry.data['step']);
    if (entry.kind === 'step.verified') {
      verdicts.set(step, { step, verdict: text(entry.data['verdict']), claims: tell(entry, people).details });
    } else if (entry.kind === 'step.planned') {
      for (const limit of listOf(entry.data['notCovered'])) {
        const code = text(object(limit)['code']);
        notCovered.set(`${step} ${code}`, {
          step,
          code,
          text: text(object(limit)['text']),
          count: Number(object(limit)['count'] ?? 0),
        });
      }
    }
  }
  return {
    incident: report.facts.incident,
    title: text(opened?.data['title']),
    verified: report.ok,
    report,
    outcome: text(closed?.data['outcome']),
    requester: text(opened?.data['requester']),
    openedAt: opened?.at ?? '',
    closedAt: closed?.at ?? '',
    playbook: { id: text(used['id']), version: Number(used['version'] ?? 0), digest: text(used['digest']) },
    lines: entries
      .filter(({ kind }) => !quietKinds.includes(kind))
      .map((entry) => ({ seq: entry.seq, at: entry.at, kind: entry.kind, ...tell(entry, people) })),
    verdicts: [...verdicts.values()],
    notCovered: [...notCovered.values()],
    measures: measuresOf(entries, playbook),
  };
}

/** A timeline as Markdown. What came from outside is escaped: it can neither format nor link nor mention. */
export function renderTimeline(timeline: Timeline): string {
  const { report } = timeline;
  return [
    `# ${markdown(timeline.title)}`,
    '',
    timeline.verified
      ? `Verified from the bundle with key ${report.facts.key}: every line was recomputed from the history.`
      : `**NOT VERIFIED: the bundle has ${report.count} findings. Nothing below is proved.** First: ${markdown(`${report.findings[0]?.code ?? ''} ${report.findings[0]?.title ?? ''} (${report.findings[0]?.file ?? ''} ${report.findings[0]?.at ?? ''})`)}`,
    '',
    `- Incident: ${markdown(timeline.incident)}`,
    `- Outcome: ${markdown(timeline.outcome) || 'not closed'}`,
    `- Requester: ${markdown(timeline.requester)}`,
    `- Opened ${timeline.openedAt}, closed ${timeline.closedAt} (all times UTC)`,
    `- Playbook: ${markdown(timeline.playbook.id)} version ${timeline.playbook.version}, ${markdown(timeline.playbook.digest)}`,
    '',
    ...section(
      'Timeline',
      timeline.lines.flatMap(({ seq, at, actor, text: what, details }) => [
        `- ${at} (${seq}) **${markdown(actor)}** ${markdown(what)}`,
        ...details.map((detail) => `  - ${markdown(detail)}`),
      ]),
    ),
    ...section(
      'Verdicts',
      timeline.verdicts.flatMap(({ step, verdict, claims }) => [
        `- ${markdown(step)}: **${markdown(verdict)}**`,
        ...claims.map((claim) => `  - ${markdown(claim)}`),
      ]),
    ),
    ...section(
      'Not covered',
      timeline.notCovered.map(
        ({ step, code, text: says, count }) =>
          `- ${markdown(step)}: ${markdown(says)} (${markdown(code)})${count > 0 ? ` (${count} objects)` : ''}`,
      ),
    ),
    ...section(
      'Measures',
      timeline.measures.map(({ name, meaning, ms, why }) =>
        ms === undefined
          ? `- ${name}: not known: ${why}`
          : `- ${name}: ${(ms / 1000).toFixed(3)} s (${meaning})`,
      ),
    ),
  ].join('\n');
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function section(title: string, lines: string[]): string[] {
  return [`## ${title}`, '', ...(lines.length === 0 ? ['None.'] : lines), ''];
}
