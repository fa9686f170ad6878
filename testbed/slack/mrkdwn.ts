/**
 * mrkdwn, Slack's markup, as a small tree that both renderings share.
 * Source: Formatting message text, docs.slack.dev/messaging/formatting-message-text.
 */

export type Inline =
  | { kind: 'text' | 'code' | 'mention'; text: string }
  | { kind: 'link'; text: string; url: string }
  | { kind: 'styled'; style: 'bold' | 'italic' | 'strike'; inner: Inline[] };

export type Part = { kind: 'pre'; text: string } | { kind: 'quote' | 'lines'; lines: Inline[][] };

/** `&amp;`, `&lt;` and `&gt;` are the only entities of mrkdwn. */
export const unescape = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

const STYLES = { '*': 'bold', _: 'italic', '~': 'strike' } as const;
const isMark = (mark: string | undefined): mark is keyof typeof STYLES =>
  mark !== undefined && mark in STYLES;
// A style mark counts at a word's edge only, so that snake_case and 2*3*4 stay as they are.
const TOKEN =
  /`([^`\n]+)`|<([^<>\n]+)>|(?<![\p{L}\p{N}*_~])([*_~])(?=\S)((?:(?!\3).)*?\S)\3(?![\p{L}\p{N}])/gu;

/** `<…>`: a link, a mention, a date with its fallback, or a special mention. */
function angle(inner: string): Inline {
  const bar = inner.indexOf('|');
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? '' : unescape(inner.slice(bar + 1));
  if (target.startsWith('@') || target.startsWith('#')) {
    return { kind: 'mention', text: label === '' ? target : target.charAt(0) + label };
  }
  if (target.startsWith('!date^')) return { kind: 'text', text: label };
  if (target.startsWith('!')) {
    const name = target.slice(1).split('^')[0] ?? '';
    return { kind: 'mention', text: label === '' ? `@${name}` : label };
  }
  return { kind: 'link', url: unescape(target), text: label === '' ? unescape(target) : label };
}

function parseInline(text: string): Inline[] {
  const found: Inline[] = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > from) found.push({ kind: 'text', text: unescape(text.slice(from, match.index)) });
    const [, code, target, mark, styled] = match;
    if (code !== undefined) found.push({ kind: 'code', text: unescape(code) });
    else if (target !== undefined) found.push(angle(target));
    else if (isMark(mark))
      found.push({ kind: 'styled', style: STYLES[mark], inner: parseInline(styled ?? '') });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ kind: 'text', text: unescape(text.slice(from)) });
  return found;
}

/** Splits mrkdwn into preformatted parts, quotes and plain lines. `&gt;` at the start of a line quotes it. */
export function parseMrkdwn(text: string): Part[] {
  return text.split(/```\n?([\s\S]*?)```/g).flatMap((piece, index): Part[] => {
    if (index % 2 === 1) return [{ kind: 'pre', text: unescape(piece.replace(/\n$/, '')) }];
    const parts: Extract<Part, { lines: Inline[][] }>[] = [];
    for (const line of piece === '' ? [] : piece.replace(/^\n|\n$/g, '').split('\n')) {
      const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line)?.[1];
      const kind = quoted === undefined ? 'lines' : 'quote';
      const last = parts.at(-1);
      const inline = parseInline(quoted ?? line);
      if (last?.kind === kind) last.lines.push(inline);
      else parts.push({ kind, lines: [inline] });
    }
    return parts;
  });
}
