import { elementsOf } from './blocks.ts';
import { parseMrkdwn, unescape } from './mrkdwn.ts';
import { richTextParts } from './rich-text.ts';
import { isObject, objectsOf, textOf } from './types.ts';
import type { Inline, Part } from './mrkdwn.ts';
import type { JsonObject } from './types.ts';

const inline = (part: Inline): string => {
  if (part.kind === 'styled') return part.inner.map(inline).join('');
  return part.kind === 'link' && part.text !== part.url ? `${part.text} (${part.url})` : part.text;
};

const lines = (part: Part): string => {
  if (part.kind === 'pre')
    return part.text
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n');
  const shown = part.lines.map((line) => line.map(inline).join(''));
  return part.kind === 'quote' ? shown.map((line) => `│ ${line}`).join('\n') : shown.join('\n');
};

/** A text object as plain text. */
function words(value: unknown): string {
  if (!isObject(value)) return '';
  const text = textOf(value['text']);
  return value['type'] === 'mrkdwn' ? parseMrkdwn(text).map(lines).join('\n') : unescape(text);
}

function control(element: JsonObject): string {
  if (element['type'] === 'button') {
    const style = textOf(element['style']);
    return `[ ${words(element['text'])} ]${style === 'danger' ? '!' : ''}`;
  }
  if (element['type'] === 'image') return `(image: ${textOf(element['alt_text'])})`;
  return `[ ${words(element['placeholder']) || textOf(element['type'])} ▾ ]`;
}

function block(one: JsonObject): string {
  switch (one['type']) {
    case 'header':
      return `== ${words(one['text'])} ==`;
    case 'divider':
      return '─'.repeat(40);
    case 'section': {
      const accessory = isObject(one['accessory']) ? control(one['accessory']) : '';
      return [words(one['text']), ...objectsOf(one['fields']).map(words), accessory]
        .filter((text) => text !== '')
        .join('\n');
    }
    case 'context':
      return objectsOf(one['elements'])
        .map((part) => (part['type'] === 'image' ? control(part) : words(part)))
        .join(' · ');
    case 'rich_text':
      return richTextParts(one).map(lines).join('\n');
    case 'actions':
      return elementsOf(one).map(control).join('  ');
    case 'input':
      return `${words(one['label'])}: ${elementsOf(one).map(control).join(' ')}`;
    case 'image':
      return `(image: ${textOf(one['alt_text'])})`;
    default:
      return `(${textOf(one['type'])})`;
  }
}

// The text is a detector's in part: it must not move the cursor, recolour the terminal or reorder the line.
const CONTROLS = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu;

/** A message for the terminal: its blocks as plain text, or its text when it has none. Control characters become `�`. */
export function renderMessage(message: { text?: string; blocks?: JsonObject[] }): string {
  const blocks = message.blocks ?? [];
  const shown =
    blocks.length > 0
      ? blocks.map(block).join('\n')
      : parseMrkdwn(message.text ?? '')
          .map(lines)
          .join('\n');
  return shown.replace(CONTROLS, '\uFFFD');
}
