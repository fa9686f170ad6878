/**
 * rich_text blocks as the tree that both renderings share. Nothing in them is parsed: a text element is its text.
 * Source: docs.slack.dev/reference/block-kit/blocks/rich-text-block.
 */
import { isObject, objectsOf, textOf } from './types.ts';
import type { Inline, Part } from './mrkdwn.ts';
import type { JsonObject } from './types.ts';

function inline(element: JsonObject): Inline {
  const style = isObject(element['style']) ? element['style'] : {};
  switch (element['type']) {
    case 'text': {
      const text = textOf(element['text']);
      if (style['code'] === true) return { kind: 'code', text };
      const marks = (['bold', 'italic', 'strike'] as const).filter((mark) => style[mark] === true);
      return marks.reduce<Inline>((inner, mark) => ({ kind: 'styled', style: mark, inner: [inner] }), {
        kind: 'text',
        text,
      });
    }
    case 'link': {
      const url = textOf(element['url']);
      return { kind: 'link', url, text: textOf(element['text']) || url };
    }
    case 'date':
      return { kind: 'text', text: textOf(element['fallback']) || String(element['timestamp']) };
    case 'emoji':
      return { kind: 'text', text: `:${textOf(element['name'])}:` };
    case 'broadcast':
      return { kind: 'mention', text: `@${textOf(element['range'])}` };
    default: {
      const id = element['user_id'] ?? element['usergroup_id'] ?? element['channel_id'] ?? element['team_id'];
      return { kind: 'mention', text: `@${textOf(id)}` };
    }
  }
}

/** Line breaks in a text element are shown as such, in a section as in a quote. */
function lines(elements: JsonObject[]): Inline[][] {
  const found: Inline[][] = [[]];
  for (const part of elements.map(inline)) {
    const pieces = part.kind === 'text' ? part.text.split('\n') : [part];
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) found.push([]);
      found.at(-1)?.push(typeof piece === 'string' ? { kind: 'text', text: piece } : piece);
    }
  }
  return found;
}

/** The parts of a rich_text block; the items of a list become lines that begin with a bullet or their number. */
export function richTextParts(block: JsonObject): Part[] {
  return objectsOf(block['elements']).map((element): Part => {
    const children = objectsOf(element['elements']);
    switch (element['type']) {
      case 'rich_text_list':
        return {
          kind: 'lines',
          lines: children.flatMap((item, index) => {
            const mark = element['style'] === 'ordered' ? `${index + 1}. ` : '• ';
            const [first, ...more] = lines(objectsOf(item['elements']));
            return [[{ kind: 'text', text: mark } satisfies Inline, ...(first ?? [])], ...more];
          }),
        };
      case 'rich_text_preformatted':
        return { kind: 'pre', text: children.map((child) => textOf(child['text'])).join('') };
      case 'rich_text_quote':
        return { kind: 'quote', lines: lines(children) };
      default:
        return { kind: 'lines', lines: lines(children) };
    }
  });
}
