import type {
  ActionsBlock,
  Button,
  ContextBlock,
  HeaderBlock,
  KnownBlock,
  PlainTextElement,
  RichTextBlock,
  RichTextElement,
  RichTextList,
  RichTextQuote,
  RichTextSection,
  SectionBlock,
} from '@slack/web-api';
import { oneLine } from '../../domain/safe-text.ts';

/**
 * Pieces of Block Kit. Words are only ever put into `plain_text` and rich text elements, which Slack parses for nothing: no mention, link,
 * formatting or emoji can come of what a detector wrote.
 */
export type Blocks = KnownBlock[];

export const plain = (text: string): PlainTextElement => ({ type: 'plain_text', text, emoji: false });

/** At most 150 characters: Slack's limit. */
export const header = (text: string): HeaderBlock => ({ type: 'header', text: plain(oneLine(text, 150)) });

/** Our own words, or a name. Slack takes no empty text. */
export const say = (text: string): RichTextElement => ({ type: 'text', text: text || '–' });
export const strong = (text: string): RichTextElement => ({
  type: 'text',
  text: text || '–',
  style: { bold: true },
});

/** Somebody else's words: marked as code, so that they cannot pass for ours. */
export const quoted = (text: string, max: number): RichTextElement => ({
  type: 'text',
  text: oneLine(text, max) || '–',
  style: { code: true },
});

/** A moment in the reader's own time zone; in UTC where that cannot be shown. */
export function moment(at: string): RichTextElement {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return quoted(at, 40);
  return {
    type: 'date',
    timestamp: Math.floor(time / 1000),
    format: '{date_short_pretty} {time_secs}',
    fallback: utc(at),
  };
}

/** `2026-03-01 03:12:09 UTC`. */
export function utc(at: string): string {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return oneLine(at, 40);
  return new Date(time)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}

/** A link; its text is shown as it is. */
export const link = (url: string, text: string): RichTextElement => ({ type: 'link', url, text });

export const paragraph = (...elements: RichTextElement[]): RichTextSection => ({
  type: 'rich_text_section',
  elements,
});

/** A playbook's words, in which an alert's may stand: set apart, unparsed, on one line. */
export const quote = (text: string, max: number): RichTextQuote => ({
  type: 'rich_text_quote',
  elements: [say(oneLine(text, max))],
});

export const rich = (...elements: (RichTextSection | RichTextList | RichTextQuote)[]): RichTextBlock => ({
  type: 'rich_text',
  elements,
});

/** A bulleted list of at most `most` lines; one more says how many were left out. `total` when `lines` is itself only a part. */
export function bullets(
  lines: readonly string[],
  most: number,
  max: number,
  total = lines.length,
): RichTextList {
  const shown = lines.slice(0, most).map((line) => paragraph(say(oneLine(line, max))));
  const left = Math.max(total, lines.length) - shown.length;
  if (shown.length === 0 && left === 0) shown.push(paragraph(say('–')));
  if (left > 0) shown.push(paragraph(strong(`+ ${left} more`), say(' in the plan, not shown here')));
  return { type: 'rich_text_list', style: 'bullet', elements: shown };
}

/** A section that Slack never folds behind "see more". */
export const unfolded = (text: string): SectionBlock => ({
  type: 'section',
  text: plain(text),
  expand: true,
});

export const smallPrint = (...texts: string[]): ContextBlock => ({
  type: 'context',
  elements: texts.map(plain),
});

export const buttons = (...elements: Button[]): ActionsBlock => ({ type: 'actions', elements });
